/**
 * A box of an MP4 with `body` bytes of zeros.
 * @param form `long`: its size has 64 bits; `open`: it extends to the end of the file
 */
export function boxBytes(name: string, body: number, form: { long?: boolean; open?: boolean } = {}): Buffer {
  const header = Buffer.alloc(form.long ? 16 : 8);
  header.write(name, 4, 'latin1');
  const size = header.length + body;
  if (form.long) {
    header.writeUInt32BE(1, 0);
    header.writeBigUInt64BE(BigInt(size), 8);
  } else {
    header.writeUInt32BE(form.open ? 0 : size, 0);
  }
  return Buffer.concat([header, Buffer.alloc(Math.max(0, body))]);
}
