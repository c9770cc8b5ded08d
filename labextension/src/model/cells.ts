/** Cells as one line of text. Pure. */

/** The first line that says something, else the first comment. */
export function firstLine(source: string): string {
  const lines = source.split('\n').map(line => line.trim());
  return lines.find(line => line !== '' && !line.startsWith('#')) ?? lines[0] ?? '';
}
