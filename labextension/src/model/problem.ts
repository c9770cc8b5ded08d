/** Something that went wrong, in words, and what helps. */

import { ApiError } from '../api/client';

export interface Problem {
  /** As the server says it; "" where it said nothing. */
  message: string;
  remedy: string;
  /** The server did not answer at all: the view says so in the user's language. */
  away?: boolean;
}

/** The words for an error. Errors of the REST API bring a remedy with them. */
export function problemOf(error: unknown): Problem {
  const message = error instanceof Error ? error.message : String(error);
  const remedy = error instanceof Error && 'remedy' in error && typeof error.remedy === 'string' ? error.remedy : '';
  return { message, remedy, ...(error instanceof ApiError && error.status === 0 ? { away: true } : {}) };
}
