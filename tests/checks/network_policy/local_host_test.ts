import { isLocalHost, isLocalUrl } from "../../../checks/network_policy/local_host.ts";
import { assertEquals } from "../../support/assert.ts";

const LOCAL = [
  "localhost",
  "LOCALHOST.",
  "localhost.localdomain",
  "localhost4",
  "localhost6.localdomain6",
  "db.localhost",
  "ip6-localhost",
  "ip6-loopback",
  "127.0.0.1",
  "127.255.255.254",
  "127.1",
  "2130706433",
  "0x7f.1",
  "0177.0.0.1",
  "0.0.0.0",
  "0",
  "::1",
  "[::1]",
  "0:0:0:0:0:0:0:1",
  "::1%lo",
  "::",
  "::ffff:127.0.0.1",
  "::ffff:7f00:1",
  "::ffff:0.0.0.0",
];

const OTHER = [
  "",
  "paradedb.robson.svc.cluster.local",
  "localhost.example.com",
  "notlocalhost",
  "127.0.0.1.nip.io",
  "128.0.0.1",
  "10.0.0.127",
  "169.254.169.254",
  "host.docker.internal",
  "::2",
  "::ffff:10.0.0.1",
  "fd00::1",
];

Deno.test("isLocalHost knows every notation of a loopback host", () => {
  for (const host of LOCAL) assertEquals([host, isLocalHost(host)], [host, true]);
  for (const host of OTHER) assertEquals([host, isLocalHost(host)], [host, false]);
});

Deno.test("isLocalUrl takes the host from a URL, with a scheme or without", () => {
  for (
    const url of [
      "http://localhost:9000",
      "https://127.0.0.1",
      "HTTP://u:p@127.0.0.1:9000/x",
      "http://[::ffff:127.0.0.1]:9000/",
      "s3://localhost/bucket",
      "localhost:9000",
      "127.0.0.1:9000",
      " http://127.1 ",
    ]
  ) assertEquals([url, isLocalUrl(url)], [url, true]);
  for (
    const url of [
      "https://eu2.contabostorage.com",
      "http://localhost.example.com",
      "https://s3.example/127.0.0.1",
      "https://127.0.0.1@s3.example",
      "http://10.9.0.7:9000",
      "not a url",
      "",
    ]
  ) assertEquals([url, isLocalUrl(url)], [url, false]);
});
