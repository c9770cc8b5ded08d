/** Something that went wrong, in words, and what helps. */

export interface Problem {
  message: string;
  remedy: string;
}

/** The words for an error. Errors of the REST API bring a remedy with them; every error brings a message. */
export function problemOf(error: unknown): Problem {
  const message = error instanceof Error ? error.message : String(error);
  const remedy = error instanceof Error && 'remedy' in error && typeof error.remedy === 'string' ? error.remedy : '';
  return { message: message || 'The server does not know this', remedy };
}
