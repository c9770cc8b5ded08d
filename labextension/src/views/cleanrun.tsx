/** The clean run of a new job: each cell as it runs, and then the verdict for each result. */

import * as React from 'react';

import type { PreviewCell } from '../api/answers';
import type { Task } from '../api/schema';
import { firstLine } from '../model/cells';
import { number } from '../model/format';
import { Icon, Spinner } from './icons';
import { Breakable } from './parts';
import { useText } from './text';
import { field, listOf, numberField } from './unknowns';
import { Verdict } from './verdict';

/** Where the k-th cell of the notebook stands: parameters and seeds come before it, and papermill's own are counted too. */
export function stateOfCell(place: number, cells: number, task: Task): 'done' | 'running' | 'waiting' {
  const before = Math.max(0, (task.total ?? 0) - cells);
  const done = (task.done ?? 0) - before;
  return task.total === 0 || place > done ? 'waiting' : place < done ? 'done' : 'running';
}

export function CleanRun({ cells, task }: { cells: readonly PreviewCell[]; task: Task }): React.JSX.Element | null {
  const text = useText();
  const there = cells.filter(cell => cell.job !== '');
  if (task.state !== 'running' || (task.total ?? 0) === 0) {
    return null;
  }
  return (
    <ol className="jp-mlops-cleanrun" data-testid="mlops-clean-run" aria-label={text.__('Cells of the clean run')}>
      {there.map((cell, i) => {
        const state = stateOfCell(i, there.length, task);
        return (
          <li key={cell.n ?? i} data-state={state}>
            <span className="jp-mlops-execution-mark">{state === 'running' ? <Spinner /> : <Icon mark={state === 'done' ? 'check' : 'dash'} />}<span className="jp-mlops-hidden">{{ done: text.__('done'), running: text.__('running'), waiting: text.__('waiting') }[state]}</span></span>
            <code className="jp-mlops-execution-line">{firstLine(cell.job ?? cell.source)}</code>
          </li>
        );
      })}
    </ol>
  );
}

function shown(value: unknown): string {
  return typeof value === 'number' ? number(value) : typeof value === 'string' || typeof value === 'boolean' ? String(value) : '';
}

/** What the clean run gave for each result beside what was recorded; nothing where there was no clean run. */
export function ResultVerdicts({ result }: { result: unknown }): React.JSX.Element | null {
  const text = useText();
  const rows = listOf(result, 'compared');
  if (rows.length === 0) {
    return null;
  }
  return (
    <table className="jp-mlops-table" data-testid="mlops-compared">
      <thead><tr><th scope="col">{text.__('result')}</th><th scope="col">{text.__('recorded')}</th><th scope="col">{text.__('clean run')}</th><th scope="col">{text.__('verdict')}</th></tr></thead>
      <tbody>
        {rows.map((row, i) => (
          <tr key={i} data-verdict={field(row, 'verdict')}>
            <th scope="row"><code><Breakable text={field(row, 'name')} /></code>{field(row, 'verdict') !== 'identical' && field(row, 'detail') !== '' && <p className="jp-mlops-why">{field(row, 'detail')}</p>}</th>
            <td className="jp-mlops-figure">{shown(numberField(row, 'expected') ?? field(row, 'expected'))}</td>
            <td className="jp-mlops-figure">{shown(numberField(row, 'found') ?? field(row, 'found'))}</td>
            <td><Verdict verdict={field(row, 'verdict')} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
