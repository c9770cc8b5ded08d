/** Reads the results of tasks, whose shape depends on what the task did. */

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((found, key) => (typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[key] : undefined), value);
}

/** The text at this path of keys, or "" if there is none. */
export function field(value: unknown, ...path: string[]): string {
  const found = at(value, path);
  return typeof found === 'string' ? found : '';
}

export function numberField(value: unknown, ...path: string[]): number | null {
  const found = at(value, path);
  return typeof found === 'number' ? found : null;
}

/** Whether it says true at this path. */
export function flag(value: unknown, ...path: string[]): boolean {
  return at(value, path) === true;
}

/** The first of a list at this path; undefined if there is none. */
export function firstOf(value: unknown, ...path: string[]): unknown {
  const found = at(value, path);
  return Array.isArray(found) ? (found as unknown[])[0] : undefined;
}

/** The list at this path, empty if there is none. */
export function listOf(value: unknown, ...path: string[]): readonly unknown[] {
  const found = at(value, path);
  return Array.isArray(found) ? (found as unknown[]) : [];
}
