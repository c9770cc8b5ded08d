/** Two texts line by line: what stayed, what went, what came. Pure. */

export interface Line {
  readonly kind: 'same' | 'gone' | 'new' | 'skipped';
  readonly text: string;
}

/** Lines times lines beyond which the middle is told as gone and new, without looking for what is common in it. */
const MOST = 4_000_000;

/** Lengths of the longest common subsequences of the ends of `a` and `b`. */
function table(a: readonly string[], b: readonly string[]): Uint32Array[] {
  const found = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const row = found[i];
      const below = found[i + 1];
      if (row && below) {
        row[j] = a[i] === b[j] ? (below[j + 1] ?? 0) + 1 : Math.max(below[j] ?? 0, row[j + 1] ?? 0);
      }
    }
  }
  return found;
}

function middle(a: readonly string[], b: readonly string[]): Line[] {
  const gone = (text: string): Line => ({ kind: 'gone', text });
  const come = (text: string): Line => ({ kind: 'new', text });
  if (a.length * b.length > MOST) {
    return [...a.map(gone), ...b.map(come)];
  }
  const common = table(a, b);
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const left = a[i];
    const right = b[j];
    if (left !== undefined && left === right) {
      lines.push({ kind: 'same', text: left });
      i += 1;
      j += 1;
    } else if (left !== undefined && (right === undefined || (common[i + 1]?.[j] ?? 0) >= (common[i]?.[j + 1] ?? 0))) {
      lines.push(gone(left));
      i += 1;
    } else {
      lines.push(come(right ?? ''));
      j += 1;
    }
  }
  return lines;
}

/** From `before` to `after`. */
export function lineDiff(before: string, after: string): Line[] {
  const a = before.split('\n');
  const b = after.split('\n');
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) {
    start += 1;
  }
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) {
    end += 1;
  }
  const same = (texts: readonly string[]): Line[] => texts.map(text => ({ kind: 'same', text }));
  return [
    ...same(a.slice(0, start)),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...same(end === 0 ? [] : a.slice(-end))
  ];
}

/** How many lines came and went. */
export function changedLines(lines: readonly Line[]): { came: number; went: number } {
  return { came: lines.filter(line => line.kind === 'new').length, went: lines.filter(line => line.kind === 'gone').length };
}

/** Only what changed with `around` lines of what stayed; what is left out is one line that says how much it was. */
export function nearChanges(lines: readonly Line[], around = 3): Line[] {
  const near = (i: number): boolean => lines.slice(Math.max(0, i - around), i + around + 1).some(line => line.kind !== 'same');
  const shown: Line[] = [];
  let skipped = 0;
  lines.forEach((line, i) => {
    if (near(i)) {
      if (skipped > 0) {
        shown.push({ kind: 'skipped', text: String(skipped) });
        skipped = 0;
      }
      shown.push(line);
    } else {
      skipped += 1;
    }
  });
  return skipped > 0 ? [...shown, { kind: 'skipped', text: String(skipped) }] : shown;
}
