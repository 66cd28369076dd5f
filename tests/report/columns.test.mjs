// Columns as they are packed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";

import { readColumns, unpack } from "../../python/replibank/report/page/columns.js";

function joined(...arrays) {
  const all = arrays.flatMap((array) => [...new Uint8Array(array.buffer)]);
  return Uint8Array.from(all).buffer;
}

test("what was packed is unpacked", async () => {
  const packed = deflateSync(Buffer.from("bytes \x00\xff", "latin1")).toString("base64");
  const bytes = Buffer.from(await unpack(packed));
  assert.equal(bytes.toString("latin1"), "bytes \x00\xff");
});

test("each type has its null, and times are sums", () => {
  const layout = [
    { name: "time_us", type: "i32", differences: true },
    { name: "amount", type: "i32", differences: false },
    { name: "balance", type: "f64", differences: false },
    { name: "reason", type: "code", values: ["why", "18446744073709551615"] },
  ];
  const buffer = joined(
    Int32Array.of(5, 0, 7),
    Int32Array.of(3, -(2 ** 31), 0),
    Float64Array.of(NaN, -(2 ** 31), 2 ** 52),
    Int32Array.of(1, -1, 0),
  );
  const columns = readColumns(layout, buffer, 3);
  const all = (name, kind) => [0, 1, 2].map((row) => columns.get(name)[kind](row));
  assert.deepEqual(all("time_us", "number"), [5, 5, 12]);
  assert.deepEqual(all("amount", "number"), [3, null, 0]);
  assert.deepEqual(all("balance", "number"), [null, -(2 ** 31), 2 ** 52]);
  assert.deepEqual(all("balance", "text"), [null, "-2147483648", "4503599627370496"]);
  assert.deepEqual(all("reason", "text"), ["18446744073709551615", null, "why"]);
  assert.deepEqual(all("reason", "key"), [1, null, 0]);
});
