/** Names for the closed sets of words in the generated schema. */

import type { CellExecution, Run, Verification } from './schema';

export type ExecutionState = CellExecution['state'];
export type RunState = Run['state'];
export type VerdictWord = Verification['verdict'];
