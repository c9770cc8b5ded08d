/** The words for what models and the server name by a short key: states, verdicts, kinds of change. A key that is not known is shown as it is. */

import type { Task } from '../api/schema';
import type { BadgeFact, BadgeWord } from '../model/badge';
import type { Text } from './text';

/** How a run, a task or a submission stands. */
export function stateWord(text: Text, state: string): string {
  const words: Partial<Record<string, string>> = {
    open: text.__('open'),
    finished: text.__('finished'),
    failed: text.__('failed'),
    interrupted: text.__('interrupted'),
    scheduled: text.__('scheduled'),
    queued: text.__('queued'),
    running: text.__('running'),
    waiting: text.__('waiting'),
    succeeded: text.__('succeeded'),
    died: text.__('died'),
    'timed-out': text.__('timed out'),
    cancelled: text.__('cancelled')
  };
  return words[state] ?? state;
}

/** How the execution of a cell stands. */
export function executionWord(text: Text, state: string): string {
  const words: Partial<Record<string, string>> = {
    ok: text.__('done'),
    error: text.__('failed'),
    interrupted: text.__('interrupted'),
    untracked: text.__('ran before tracking'),
    skipped: text.__('not recorded'),
    running: text.__('running')
  };
  return words[state] ?? state;
}

export function verdictWord(text: Text, verdict: string): string {
  const words: Partial<Record<string, string>> = {
    identical: text.__('identical'),
    'within tolerance': text.__('within tolerance'),
    different: text.__('different'),
    'input gone': text.__('input gone'),
    failed: text.__('failed'),
    'verified before edit': text.__('verified before edit'),
    unverified: text.__('unverified')
  };
  return words[verdict] ?? verdict;
}

/** What happened to a cell or a dataset between two runs. */
export function changeWord(text: Text, kind: string): string {
  const words: Partial<Record<string, string>> = { added: text.__('added'), removed: text.__('removed'), changed: text.__('changed'), moved: text.__('moved') };
  return words[kind] ?? kind;
}

/** What a task does, as the one that can be cancelled. */
export function taskWord(text: Text, kind: Task['kind']): string {
  return { verify: text.__('verification'), convert: text.__('conversion'), run: text.__('run'), sweep: text.__('sweep') }[kind];
}

export function badgeWord(text: Text, word: BadgeWord): string {
  return {
    unknown: text.__('unknown'),
    verified: text.__('verified'),
    'verified before edit': text.__('verified before edit'),
    different: text.__('different')
  }[word];
}

/** Why the badge says what it says. */
export function badgeReason(text: Text, fact: BadgeFact): string {
  const run = 'number' in fact && fact.number > 0 ? `#${fact.number}` : text.__('the run');
  switch (fact.why) {
    case 'no result': return text.__('no result yet');
    case 'not verified': return text.__('%1 was not verified', run);
    case 'result': return [fact.name === '' ? verdictWord(text, fact.verdict) : `${fact.name}: ${verdictWord(text, fact.verdict)}`, fact.detail].filter(part => part !== '').join('; ');
    case 'cell': return text.__('cell %1: %2', fact.n, fact.reason);
    case 'cells': return text.__('its cells are others now');
    case 'environment': return text.__('the environment has changed since');
    case 'holds': return text.__('%1 came out %2 in a clean kernel, from this source, data and environment', run, verdictWord(text, fact.verdict));
  }
}

/** What a job gives: a metric, a model, a file, a value. */
export function resultWord(text: Text, kind: string): string {
  const words: Partial<Record<string, string>> = { metric: text.__('metric'), model: text.__('model'), file: text.__('file'), variable: text.__('variable') };
  return words[kind] ?? kind;
}
