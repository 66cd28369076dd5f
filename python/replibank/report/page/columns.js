// Reads what columns.py wrote: columns of numbers, packed and as base64.

const NULL_INT = -(2 ** 31);

/** The bytes behind a text of base64, unpacked. */
export async function unpack(text) {
  const packed = atob(text);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i += 1) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** Columns by name. Each knows its values as numbers (`number(row)`, null where there is none) and as
 * texts (`text(row)`). */
export function readColumns(layout, buffer, rows) {
  const columns = new Map();
  let offset = 0;
  for (const { name, type, differences, values } of layout) {
    const width = type === "f64" ? 8 : 4;
    // A copy, since doubles must begin at a multiple of eight.
    const bytes = buffer.slice(offset, offset + width * rows);
    const raw = type === "f64" ? new Float64Array(bytes) : new Int32Array(bytes);
    offset += width * rows;
    if (type === "code") columns.set(name, new Codes(raw, values));
    else columns.set(name, new Numbers(differences ? sums(raw) : raw));
  }
  return columns;
}

function sums(differences) {
  const values = new Float64Array(differences.length);
  let sum = 0;
  for (let i = 0; i < differences.length; i += 1) {
    sum += differences[i];
    values[i] = sum;
  }
  return values;
}

class Numbers {
  constructor(raw) {
    this.raw = raw;
    this.isNull = raw instanceof Int32Array ? (value) => value === NULL_INT : Number.isNaN;
  }

  number(row) {
    const value = this.raw[row];
    return this.isNull(value) ? null : value;
  }

  /** What two rows have in common, if it is the same. */
  key(row) {
    return this.number(row);
  }

  text(row) {
    const value = this.number(row);
    return value === null ? null : String(value);
  }
}

class Codes {
  constructor(raw, values) {
    this.raw = raw;
    this.values = values;
  }

  number(row) {
    const text = this.text(row);
    return text === null ? null : Number(text);
  }

  key(row) {
    const code = this.raw[row];
    return code < 0 ? null : code;
  }

  text(row) {
    const code = this.raw[row];
    return code < 0 ? null : this.values[code];
  }
}
