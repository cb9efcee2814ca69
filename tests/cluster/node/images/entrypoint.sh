#!/bin/bash
# The entry point of the image, with the interface of Spark on Kubernetes: with the argument
# `executor`, it starts an executor from the variables that the driver set. It runs any other command
# as it is.
set -euo pipefail

if [ "${1:-}" != executor ]; then
  exec "$@"
fi
# Spark numbers the options of Java: SPARK_JAVA_OPT_0, SPARK_JAVA_OPT_1, and so on.
env | sed -n 's/^SPARK_JAVA_OPT_\([0-9]*\)=/\1 /p' | sort -n | cut -d' ' -f2- >java_opts.txt
readarray -t options <java_opts.txt
exec tini -s -- "$JAVA_HOME/bin/java" "${options[@]}" \
  "-Xms$SPARK_EXECUTOR_MEMORY" "-Xmx$SPARK_EXECUTOR_MEMORY" -cp "$SPARK_HOME/conf:$SPARK_HOME/jars/*" \
  org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend \
  --driver-url "$SPARK_DRIVER_URL" --executor-id "$SPARK_EXECUTOR_ID" \
  --cores "$SPARK_EXECUTOR_CORES" --app-id "$SPARK_APPLICATION_ID" \
  --hostname "$SPARK_EXECUTOR_POD_IP" --resourceProfileId "$SPARK_RESOURCE_PROFILE_ID" \
  --podName "$SPARK_EXECUTOR_POD_NAME"
