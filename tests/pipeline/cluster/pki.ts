// Creates certificates with openssl.

/** A certificate and its key, as PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

/** Options for a certificate. */
export interface Wanted {
  /** The names of a server, such as `IP:127.0.0.1`. Undefined for a client. */
  readonly names?: string;
  /** The type of the key. Clusters use both types. */
  readonly key?: "ec" | "rsa" | "rsa-pkcs1";
  /** The days until the certificate expires; negative for an expired certificate. */
  readonly days?: number;
}

/** A certificate authority for one test, in a temporary folder. */
export interface Authority extends AsyncDisposable {
  readonly folder: string;
  /** The certificate of the authority. */
  readonly ca: string;
  issue(wanted: Wanted): Promise<Issued>;
}

/** Creates a certificate authority. */
export async function authority(): Promise<Authority> {
  const folder = await Deno.makeTempDir({ prefix: "pki-" });
  const file = (name: string) => `${folder}/${name}`;
  const [key, cert] = [file("ca.key"), file("ca.crt")];
  await openssl("req", "-x509", "-nodes", ...EC, "-keyout", key, "-out", cert, "-subj", "/CN=CA");
  return {
    folder,
    ca: await Deno.readTextFile(cert),
    async issue({ names, key: kind = "ec", days = 2 }) {
      const name = crypto.randomUUID();
      const [own, request, extensions, signed] = ["key", "csr", "ext", "crt"]
        .map((end) => file(`${name}.${end}`)) as [string, string, string, string];
      const newKey = kind === "ec" ? EC : ["-newkey", "rsa:2048"];
      const subject = ["-subj", "/O=system:masters/CN=admin"];
      await openssl("req", "-nodes", ...newKey, "-keyout", own, "-out", request, ...subject);
      if (kind === "rsa-pkcs1") await openssl("rsa", "-in", own, "-out", own, "-traditional");
      const lines = ["basicConstraints=CA:FALSE", ...(names ? [`subjectAltName=${names}`] : [])];
      await Deno.writeTextFile(extensions, lines.join("\n"));
      // A number of its own, because a file of serial numbers is not safe for two at once.
      const serial = ["-set_serial", `0x1${name.replaceAll("-", "").slice(0, 30)}`];
      const by = ["-CA", cert, "-CAkey", key, ...serial, "-days", String(days)];
      await openssl("x509", "-req", "-in", request, ...by, "-extfile", extensions, "-out", signed);
      const [text, privateKey] = await Promise.all(
        [signed, own].map((at) => Deno.readTextFile(at)),
      );
      return { cert: text!, key: privateKey! };
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

async function openssl(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).slice(-800));
}
