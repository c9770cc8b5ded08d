import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { CellHistory, CellVersion } from '../api/schema';
import { changedLines, lineDiff, nearChanges } from '../model/difference';
import { EMPTY } from '../model/state';
import { ActionsProvider, FoldsProvider } from '../views/parts';
import { historyView } from '../views/history/page';
import { pictureOf } from '../views/history/outputs';
import { fakeActions, fakeSurroundings } from './fakes';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const rest = (): Promise<unknown> => act(() => vi.advanceTimersByTimeAsync(500));
const words = (before: string, after: string): string[] => lineDiff(before, after).map(line => `${line.kind} ${line.text}`);

describe('a difference of two sources', () => {
  it('is what stayed, went and came, in order', () => {
    expect(words('a\nb\nc', 'a\nx\nc')).toEqual(['same a', 'gone b', 'new x', 'same c']);
    expect(words('a', 'a')).toEqual(['same a']);
    expect(words('', 'a\nb')).toEqual(['gone ', 'new a', 'new b']);
    expect(words('a\nb\nc\nd', 'b\nd\ne')).toEqual(['gone a', 'same b', 'gone c', 'same d', 'new e']);
  });

  it('puts both texts together again', () => {
    const texts = ['a\nb\na\nb', 'b\na', '', 'x\n\n\ny', 'a\nb\nc\na\nb\nc\na'];
    for (const before of texts) {
      for (const after of texts) {
        const lines = lineDiff(before, after);
        expect(lines.filter(line => line.kind !== 'new').map(line => line.text).join('\n')).toBe(before);
        expect(lines.filter(line => line.kind !== 'gone').map(line => line.text).join('\n')).toBe(after);
      }
    }
  });

  it('folds what is far from any change, and counts', () => {
    const long = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    const lines = lineDiff(long.join('\n'), [...long.slice(0, 10), 'more', ...long.slice(10)].join('\n'));
    expect(nearChanges(lines).map(line => line.kind)).toEqual(['skipped', 'same', 'same', 'same', 'new', 'same', 'same', 'same', 'skipped']);
    expect(changedLines(lines)).toEqual({ came: 1, went: 0 });
  });

  it('of two long texts without anything in common ends soon', () => {
    const text = (word: string): string => Array.from({ length: 20_000 }, (_, i) => `${word} ${i}`).join('\n');
    const lines = lineDiff(text('a'), text('b'));
    expect(changedLines(lines)).toEqual({ came: 20_000, went: 20_000 });
  });
});

describe('a picture', () => {
  it('is an address of its own bytes, and of nothing else', () => {
    expect(pictureOf({ kind: 'display', mime: 'image/png', picture: 'QUJD' })).toBe('data:image/png;base64,QUJD');
    expect(pictureOf({ kind: 'display', mime: 'text/html', picture: 'QUJD' })).toBeNull();
    expect(pictureOf({ kind: 'display', mime: 'image/png', picture: 'A"onload=' })).toBeNull();
    expect(pictureOf({ kind: 'display', mime: 'image/svg+xml;x', picture: 'QUJD' })).toBeNull();
  });
});

function versionOf(n: number, source: string, part: Partial<CellVersion> = {}): CellVersion {
  return { session: 's1', n, state: 'ok', source, started: 1000 + n, seconds: 0.5, ...part };
}

const HISTORY: CellHistory = {
  cell: 'c1',
  total: 3,
  sessions: 2,
  versions: [versionOf(9, 'auc = score(df)', { again: true }), versionOf(5, 'auc = score(df)'), versionOf(2, 'auc = old(df)', { session: 's0', error: 'ValueError: no rows', state: 'error' })]
};

async function show(part: Record<string, unknown> = {}, other = ''): Promise<ReturnType<typeof fakeActions>> {
  const trail = [{ view: 'history', subject: 'c1', other }] as const;
  const state = { ...EMPTY, path: 'a.ipynb', trail };
  const { around } = fakeSurroundings({
    'cells/c1/history': HISTORY,
    'sessions/s1/executions/9/outputs': [{ kind: 'result', text: '<script>window.ran = 1</script>' }],
    'sessions/s1/executions/5/outputs': [],
    'sessions/s0/executions/2/outputs': [{ kind: 'display', mime: 'image/svg+xml', picture: 'QUJD' }],
    ...part
  }, state);
  const fake = fakeActions();
  const opened = historyView.open(around);
  opened.model?.show();
  render(
    <ActionsProvider value={fake.actions}>
      <FoldsProvider value={{}}>{opened.draw({ place: trail[0], panel: state })}</FoldsProvider>
    </ActionsProvider>
  );
  await rest();
  return fake;
}

const press = async (element: HTMLElement): Promise<void> => {
  await act(async () => {
    fireEvent.click(element);
    await vi.advanceTimersByTimeAsync(50);
  });
};

describe('the history of a cell', () => {
  it('lists its executions with what changed, and shows what they showed as text and pictures', async () => {
    await show();
    const rows = screen.getAllByTestId('mlops-version');
    expect(rows.map(row => row.querySelector('.jp-mlops-changed, .jp-mlops-muted')?.textContent)).toEqual(['same source', '+1 −1', 'first seen']);
    expect(screen.getByText('<script>window.ran = 1</script>')).toBeTruthy();
    expect(document.querySelector('script')).toBeNull();
    await press(screen.getByRole('button', { name: /ValueError: no rows/ }));
    expect(screen.getByRole('img', { name: 'Output 1: a picture' }).getAttribute('src')).toBe('data:image/svg+xml;base64,QUJD');
  });

  it('opens with the execution that was asked for, or the newest where it has gone', async () => {
    const open = (): (string | undefined)[] => screen.getAllByTestId('mlops-version').filter(row => row.querySelector('[aria-expanded="true"]')).map(row => row.dataset.key);
    Element.prototype.scrollIntoView = vi.fn();
    await show({}, 's0:2');
    expect(open()).toEqual(['s0:2']);
    cleanup();
    await show({}, 's0:99');
    expect(open()).toEqual(['s1:9']);
  });

  it('restores a source only after it was shown what that changes', async () => {
    const { asked } = await show();
    await press(screen.getByRole('button', { name: /ValueError: no rows/ }));
    await press(screen.getByTestId('mlops-restore'));
    expect(asked.filter(([name]) => name === 'restore')).toEqual([]);
    expect(screen.getByRole('region', { name: 'From the cell as it is now to this source' }).textContent).toContain('+ auc = old(df)');
    await press(screen.getByTestId('mlops-restore-now'));
    expect(asked.filter(([name]) => name === 'restore')).toEqual([['restore', 'c1', 'auc = old(df)']]);
    expect(asked.at(-1)).toEqual(['reveal', 'c1']);
  });

  it('has nothing to restore where the cell has that source', async () => {
    await show();
    expect(screen.getByTestId('mlops-restore')).toHaveProperty('disabled', true);
    expect(screen.getByText('The cell has this source now.')).toBeTruthy();
  });

  it('leaves out on request what ran the same source again', async () => {
    await show();
    await press(screen.getByRole('checkbox'));
    expect(screen.getAllByTestId('mlops-version')).toHaveLength(2);
  });

  it('says that a cell has not run yet', async () => {
    await show({ 'cells/c1/history': { cell: 'c1', total: 0, sessions: 0, versions: [] } });
    expect(screen.getByText('This cell has not run under tracking yet.')).toBeTruthy();
  });
});
