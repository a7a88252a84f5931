// node's ssh2 as its users write it: told by one line of JSON on standard input what to do; says
// what came of each as one object, and ends with the connection.
"use strict";

const { readFileSync } = require("node:fs");
const { createHash } = require("node:crypto");
const { createRequire } = require("node:module");

const told = JSON.parse(readFileSync(0, "utf8"));
const { Client } = createRequire(`${told.modules}/`)("ssh2");

const KEEPALIVE_MS = 100;

function connected(username) {
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.on("ready", () => resolve(client)).on("error", reject);
    client.connect({
      host: "127.0.0.1",
      port: told.port,
      username,
      privateKey: readFileSync(told.key),
      hostVerifier: (key) => createHash("sha256").update(key).digest("base64") === told.host,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: 3,
    });
  });
}

function ended(stream) {
  const got = { out: "", err: "" };
  stream.on("data", (data) => (got.out += data));
  stream.stderr.on("data", (data) => (got.err += data));
  return new Promise((resolve) => {
    stream.on("exit", (code, signal) => Object.assign(got, { code, signal: signal ?? null }));
    stream.on("close", () => resolve(got));
  });
}

async function exec(client, line, typed) {
  const stream = await asked((done) => client.exec(line, done));
  const end = ended(stream);
  stream.end(typed);
  return end;
}

async function shell(client, lines) {
  const window = { term: "xterm", cols: 97, rows: 31 };
  const stream = await asked((done) => client.shell(window, done));
  const end = ended(stream);
  await shown(stream, /[#$] $/);
  stream.setWindow(42, 133, 0, 0);
  stream.write(lines);
  return end;
}

function shown(stream, wanted) {
  let text = "";
  return new Promise((resolve) => {
    stream.on("data", function look(data) {
      text += data;
      if (wanted.test(text)) {
        stream.off("data", look);
        resolve();
      }
    });
  });
}

async function files(client, { here, there, back }) {
  const sftp = await asked((done) => client.sftp(done));
  const call = (name, ...given) =>
    asked((done) => sftp[name](...given, done)).catch((error) => ({ code: error.code }));
  await call("fastPut", here, there);
  const stat = await call("stat", there);
  await call("fastGet", there, back, { concurrency: 64 });
  return {
    size: stat.size,
    names: (await call("readdir", there.replace(/\/[^/]*$/, ""))).map((one) => one.filename),
    missing: await call("stat", `${there}-none`),
    removed: await call("unlink", there),
    real: await call("realpath", "."),
  };
}

function asked(ask) {
  return new Promise((resolve, reject) =>
    ask((error, answer) => (error ? reject(error) : resolve(answer)))
  );
}

async function main() {
  const client = await connected(told.user);
  const found = {};
  for (const [name, line, typed] of told.execs ?? []) found[name] = await exec(client, line, typed);
  if (told.files) found.files = await files(client, told.files);
  if (told.shell) found.shell = await shell(client, told.shell);
  const forward = (done) => client.forwardOut("127.0.0.1", 1, "127.0.0.1", 1, done);
  found.forward = await asked(forward).catch((error) => ({ reason: error.reason }));
  client.end();
  console.log(JSON.stringify(found));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
