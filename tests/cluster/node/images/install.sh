#!/usr/bin/env bash
# Makes the layers of the images that the Jobs and the database of a real node run in, in a cache
# folder, without Docker. Does nothing if they exist. Needs root, because it runs programs in the new
# file system.
#
#   base.tar    Debian with Java 17, Python 3 and tini, like the base image of Spark
#   spark.tar   Spark and the jars of manifests/image/Dockerfile, with the archive of classes
#   tls/        a certificate for the object store, and its CA, which the Java of base.tar trusts
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
source "$here/../../../support/installing.sh"
repository="$(cd "$here/../../../.." && pwd)"
image="$repository/manifests/image" install="$repository/tests/spark/install.sh"
cache="${DEEP_STORAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deep-storage}"
# The name contains a checksum of the sources, so outdated layers are never used.
layers="$cache/layers-$(cat "$0" "$here/entrypoint.sh" "$install" "$image"/{Dockerfile,class_archive.py} | cksum | tr ' ' -)"

if [ "${1:-}" = --where ]; then
  echo "$layers"
  exit
fi
if [ -d "$layers" ]; then
  exit
fi
need mmdebstrap mmdebstrap
need /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
need openssl openssl
install_needed "make the images"
"$install"
await_turn "$layers"
if [ -d "$layers" ]; then
  exit
fi

making=$(mktemp -d "$cache/making-XXXXXX")
trap 'rm -rf --one-file-system "$making"' EXIT
root="$making/root"
# Runs a program in the new file system. Its mounts end with the program.
inside() {
  unshare --mount --fork --pid sh -euc '
    mount -t proc proc "$1/proc"
    mount --bind /dev/urandom "$1/dev/urandom"
    root=$1; shift
    exec chroot "$root" /usr/bin/env -i LC_ALL=C.UTF-8 PATH=/usr/bin:/bin HOME=/tmp "$@"' sh "$root" "$@"
}
pack() { tar -cf "$making/$1.tar" --sort=name --owner=0 --group=0 --numeric-owner -C "$root" "${@:2}"; }

# The authority of the object store, and the certificate for its name in the template of the Secrets.
name=$(sed -n "s|.*S3_ENDPOINT: 'https://\([^']*\)'|\1|p" "$repository/manifests/templates/secrets.yaml.example")
tls="$making/tls"
mkdir "$tls"
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
openssl req -x509 "${key[@]}" -days 3650 -subj "/CN=object-store-ca" -keyout "$tls/ca.key" -out "$tls/ca.crt" 2>/dev/null
openssl req "${key[@]}" -subj "/CN=$name" -keyout "$tls/store.key" 2>/dev/null |
  openssl x509 -req -CA "$tls/ca.crt" -CAkey "$tls/ca.key" -days 3650 \
    -extfile <(echo "subjectAltName=DNS:$name") -out "$tls/store.crt" 2>/dev/null
rm "$tls/ca.key"

mmdebstrap --quiet --mode=root --variant=extract --format=directory \
  --include=bash,coreutils,dash,grep,libc-bin,openjdk-17-jre-headless,python3,sed,tini \
  --aptopt='APT::Install-Recommends "false"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  bookworm "$root"
# Scripts of the packages would make the files below, and mmdebstrap does not run them here.
printf '%s\n' root:x:0:0::/root:/bin/bash spark:x:185:0::/opt/spark/work-dir:/bin/false >"$root/etc/passwd"
echo root:x:0: >"$root/etc/group"
echo "127.0.0.1 localhost" >"$root/etc/hosts"
chmod 1777 "$root/tmp"
mkdir -p "$root/opt" "$root/etc/ssl/certs/java"
touch "$root/dev/urandom"
(cd "$root/opt" && ln -s ../usr/lib/jvm/java-17-openjdk-* java)
cp "$tls/ca.crt" "$root/tmp/ca.crt"
# Java reads its own store without a password. In the format PKCS12, it would find no certificate.
inside /opt/java/bin/keytool -importcert -noprompt -alias object-store -file /tmp/ca.crt \
  -storetype JKS -storepass changeit -keystore /etc/ssl/certs/java/cacerts 2>/dev/null
rm "$root/tmp/ca.crt"
inside /opt/java/bin/java -Xshare:dump >/dev/null 2>&1
pack base --exclude='./dev/*' --exclude='./proc/*' --exclude='./var/cache/*' --exclude='./var/lib/apt/*' .

# Spark's image has the files of the package of PyPI at other places.
package=$(echo "$("$install" --where)"/lib/python3*/site-packages/pyspark)
home="$root/opt/spark"
mkdir -p "$home/python/lib" "$home/work-dir"
chmod 775 "$home/work-dir"
cp -a "$package"/{bin,sbin,jars} "$home/"
cp -a "$package" "$home/python/pyspark"
rm -rf "$home"/python/pyspark/{bin,sbin,jars,data,examples,licenses}
find "$home/python" -name __pycache__ -prune -exec rm -rf {} +
(cd "$home/python" && python3 -m zipfile -c lib/pyspark.zip pyspark)
py4j=$(basename "$home"/jars/py4j-*.jar .jar)
(cd "$package/.." && python3 -m zipfile -c "$home/python/lib/$py4j-src.zip" py4j)
install -m 755 "$here/entrypoint.sh" "$root/opt/entrypoint.sh"
# The archive of classes, as in the Dockerfile. Java ignores an archive whose jars have other times.
cp "$image/class_archive.py" "$root/tmp/"
cp -r "$image/jobs" "$root/tmp/jobs"
inside env JAVA_HOME=/opt/java SPARK_HOME=/opt/spark PYTHONPATH=/tmp/jobs PYTHONDONTWRITEBYTECODE=1 \
  SPARK_LOCAL_IP=127.0.0.1 /opt/spark/bin/spark-submit --master "local[1]" \
  --driver-java-options "-XX:+UseSerialGC -XX:ArchiveClassesAtExit=/opt/spark/classes.jsa" \
  /tmp/class_archive.py >"$making/log" 2>&1 || { tail -20 "$making/log" >&2; exit 1; }
pack spark ./opt/spark ./opt/entrypoint.sh
rm -rf --one-file-system "$root" "$making/log"
chmod 755 "$making"
mv "$making" "$layers"
trap - EXIT
