/** What happens in this notebook now: its cells as they execute, the newest runs, what is missing if something is. */

import * as React from 'react';

import type { PanelState } from '../model/state';
import { Button, Section, useActions, useSettled } from './parts';
import { NoMetric, Place } from './places';
import { RunCards } from './runs/cards';
import { Executions } from './session';
import { StaleCells } from './stale';
import { useText } from './text';
import type { View } from './view';

/** Milliseconds without a running cell after which a session counts as quiet. */
const REST = 1500;
const NEWEST = 5;

function Session({ state }: { state: PanelState }): React.JSX.Element | null {
  const text = useText();
  const rows = state.live?.executions ?? [];
  const tracked = state.phase === 'tracked';
  const stale = React.useMemo(() => new Map(tracked ? state.stale.map(cell => [cell.n ?? 0, cell]) : []), [tracked, state.stale]);
  if (!tracked && rows.length === 0) {
    return null;
  }
  const staleRows = rows.filter(row => stale.has(row.n)).length;
  const note = [rows.length > 0 ? text._n('%1 execution', '%1 executions', rows.length) : '', staleRows > 0 ? text.__('%1 stale', staleRows) : ''];
  return (
    <Section title={tracked ? text.__('Session') : text.__('Last session')} fold="Session" note={note.filter(part => part !== '').join(' · ')}>
      {tracked && state.trackAnswer?.ok === true && state.trackAnswer.text !== '' && rows.length === 0 && (
        <pre className="jp-mlops-printed jp-mlops-section-printed">{state.trackAnswer.text}</pre>
      )}
      <Executions rows={rows} stale={stale} />
    </Section>
  );
}

function Newest({ state }: { state: PanelState }): React.JSX.Element | null {
  const actions = useActions();
  const text = useText();
  const tracked = state.phase === 'tracked';
  const running = (state.live?.executions ?? []).some(row => row.state === 'running');
  const floats = state.live?.floats ?? [];
  const metricSeen = state.runs.some(run => (run.metrics ?? []).length > 0);
  // Between two cells of Run All nothing runs for a moment.
  const noMetric = useSettled(tracked && floats.length > 0 && !running && !metricSeen, REST);
  if (state.runs.length === 0 && !noMetric) {
    return null;
  }
  return (
    <Section title={text.__('Newest runs')} fold="Runs" note={state.runs.length > 0 ? String(state.runs.length) : ''}>
      {noMetric && <NoMetric floats={floats} />}
      {state.runs.length > 0 && <RunCards runs={state.runs.slice(0, NEWEST)} state={state} running={running} />}
      {state.runs.length > NEWEST && (
        <div className="jp-mlops-more">
          <Button kind="quiet" onClick={() => actions.show('runs')}>{text.__('All runs')}</Button>
        </div>
      )}
    </Section>
  );
}

function Now({ state }: { state: PanelState }): React.JSX.Element {
  return (
    <>
      <Place state={state} />
      <StaleCells state={state} />
      <Session state={state} />
      <Newest state={state} />
    </>
  );
}

export const nowView: View = {
  id: 'now',
  tab: text => text.__('Now'),
  open: () => ({ model: null, draw: ({ panel }) => <Now state={panel} /> })
};
