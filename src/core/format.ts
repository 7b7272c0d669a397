const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `917 kB`, `1.2 GB` */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** `1,204` */
export function formatCount(count: number): string {
  return count.toLocaleString('en');
}

/** `1 clip`, `1,204 clips` */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `45 s`, `1 min 50 s`, `2 h 05 min` */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${pad(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

/** `74.87 USD` */
export function formatUsd(usd: number): string {
  return `${usd.toFixed(usd !== 0 && Math.abs(usd) < 1 ? 4 : 2)} USD`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

/** Aligns rows in columns, two spaces apart. The last column is not padded. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, column) => Math.max(most[column] ?? 0, cell.length)),
    [],
  );
  return rows
    .map((row) =>
      row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  '),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}
