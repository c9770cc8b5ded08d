/** One submission, whatever runner has it: how it stands, how far it is, what it printed, and what can be done about it. */

import * as React from 'react';

import type { Handover } from '../../api/schema';
import { duration, when } from '../../model/format';
import { goesOn, type JobsModel } from '../../model/jobs';
import { moment } from '../../model/spans';
import type { Surroundings } from '../../model/tab';
import { Icon, Spinner, type Mark } from '../icons';
import { Button, Chip, Fold, ProblemNote, useActions, useAttempt, useFold, Waiting, type Tone } from '../parts';
import { useText } from '../text';
import { stateWord } from '../words';
import { Log } from './log';
import { LongList, type Placed } from './longlist';

/** From so many on only those in sight are drawn. */
const LONG = 60;
const GUESS = 62;

const MARKS: Record<Handover['state'], { mark: Mark; tone: Tone } | null> = {
  scheduled: { mark: 'history', tone: 'plain' },
  queued: { mark: 'dash', tone: 'plain' },
  running: null,
  succeeded: { mark: 'check', tone: 'good' },
  failed: { mark: 'cross', tone: 'bad' },
  died: { mark: 'cross', tone: 'bad' },
  'timed-out': { mark: 'cross', tone: 'bad' },
  cancelled: { mark: 'minus', tone: 'fair' }
};

export function StateChip({ state }: { state: Handover['state'] }): React.JSX.Element {
  const text = useText();
  const known = MARKS[state];
  return known ? (
    <Chip mark={known.mark} tone={known.tone} testid="mlops-state">{stateWord(text, state)}</Chip>
  ) : (
    <span className="jp-mlops-chip jp-mlops-tone-plain" data-testid="mlops-state"><Spinner />{text.__('running')}</span>
  );
}

/** Seconds since 1970, renewed each second while `active`. */
function useSeconds(active: boolean): number {
  const [now, setNow] = React.useState(() => Date.now() / 1000);
  React.useEffect(() => {
    const timer = active ? setInterval(() => setNow(Date.now() / 1000), 1000) : undefined;
    return () => clearInterval(timer);
  }, [active]);
  return now;
}

/** How long it has been going, or took; while it waits, since when. */
function Time({ one }: { one: Handover }): React.JSX.Element {
  const running = one.state === 'running';
  const now = useSeconds(running);
  const began = one.started ?? null;
  const end = running ? now : (one.ended ?? null);
  const took = began !== null && end !== null && end > began ? duration(end - began) : '';
  return <span className="jp-mlops-figure jp-mlops-muted">{[when(one.at), took].filter(part => part !== '').join(' · ')}</span>;
}

function Progress({ one }: { one: Handover }): React.JSX.Element | null {
  const text = useText();
  const { done = 0, total = 0 } = one;
  if (one.state !== 'running' || total === 0) {
    return null;
  }
  return (
    <span className="jp-mlops-handover-progress">
      <progress className="jp-mlops-bar" aria-label={text.__('Progress of %1', one.name)} max={total} value={done} />
      <span className="jp-mlops-figure jp-mlops-muted">{text.__('cell %1 of %2', Math.min(done + 1, total), total)}</span>
    </span>
  );
}

function failed(one: Handover): boolean {
  return one.state === 'failed' || one.state === 'died' || one.state === 'timed-out';
}

function givenWords(one: Handover): string {
  return Object.entries(one.given ?? {}).map(([name, value]) => `${name}=${value}`).join(', ');
}

function Facts({ one }: { one: Handover }): React.JSX.Element {
  const text = useText();
  const facts: [string, string][] = [
    [text.__('given'), givenWords(one)],
    [text.__('schedule'), one.schedule ?? ''],
    [text.__('next'), typeof one.next === 'number' ? moment(one.next) : ''],
    [text.__('submitted'), moment(one.at)],
    [text.__('started'), typeof one.started === 'number' ? moment(one.started) : ''],
    [text.__('ended'), typeof one.ended === 'number' ? moment(one.ended) : ''],
    [text.__('attempts'), (one.attempts ?? 0) > 1 ? String(one.attempts) : ''],
    [text.__('job'), one.bundle ?? '']
  ];
  return (
    <dl className="jp-mlops-facts">
      {facts.filter(([, what]) => what !== '').map(([name, what]) => <div key={name}><dt>{name}</dt><dd>{what}</dd></div>)}
    </dl>
  );
}

function Leads({ one, model }: { one: Handover; model: JobsModel }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const [problem, attempt, busy] = useAttempt();
  const open = goesOn(one) || one.state === 'scheduled';
  const resume = (): void => attempt(async () => {
    await actions.runJob({ folder: one.bundle ?? '', parameters: { ...one.given }, resume: true });
    actions.show('jobs', one.bundle ?? '');
  });
  return (
    <>
      <div className="jp-mlops-buttons">
        {open && <Button testid="mlops-cancel-submission" disabled={busy} label={text.__('Cancel %1', one.name)} onClick={() => attempt(() => model.stop(one.id))}>{one.state === 'scheduled' ? text.__('End the schedule') : text.__('Cancel')}</Button>}
        {!open && one.again === true && <Button testid="mlops-retry" disabled={busy} label={text.__('Hand %1 over once more', one.name)} onClick={() => attempt(() => model.retry(one.id))}>{text.__('Retry')}</Button>}
        {(failed(one) || one.state === 'cancelled') && one.again === true && (one.bundle ?? '') !== '' && (
          <Button disabled={busy} label={text.__('Resume %1 here, with what its costly cells left', one.name)} onClick={resume}>{text.__('Resume here')}</Button>
        )}
        {(one.run ?? '') !== '' && <Button leads={`run:${one.run ?? ''}`} onClick={() => actions.show('run', one.run)}>{text.__('Show the run')}</Button>}
        {(one.output ?? '') !== '' && <Button onClick={() => actions.open(one.output ?? '')}>{text.__('Open the output notebook')}</Button>}
        {(one.notebook ?? '') !== '' && <Button kind="quiet" onClick={() => actions.open(one.notebook ?? '')}>{text.__('Open its notebook')}</Button>}
      </div>
      <ProblemNote problem={problem} />
    </>
  );
}

/** What a schedule has started: asked for when this is first drawn. */
function Started({ one, model, around }: { one: Handover; model: JobsModel; around: Surroundings }): React.JSX.Element {
  const text = useText();
  React.useEffect(() => model.openSchedule(one.id), [model, one.id]);
  const children = model.state.children[one.id];
  if (!children || children.length === 0) {
    return children ? <p className="jp-mlops-muted" role="status">{text.__('It has started nothing yet.')}</p> : <Waiting>{text.__('Looking…')}</Waiting>;
  }
  return <HandoverList all={children} model={model} around={around} label={text.__('Started by this schedule')} />;
}

function Details({ one, model, around }: { one: Handover; model: JobsModel; around: Surroundings }): React.JSX.Element {
  const text = useText();
  return (
    <div className="jp-mlops-details">
      {(one.error ?? '') !== '' && one.state !== 'cancelled' && (
        <p className="jp-mlops-printed" data-failed={failed(one)}>{typeof one.cell === 'number' ? text.__('Cell %1: %2', one.cell, one.error ?? '') : one.error}</p>
      )}
      <Leads one={one} model={model} />
      <Facts one={one} />
      {one.schedule !== undefined && one.schedule !== '' && (
        <Fold name={`started:${one.id}`} label={text.__('Started by this schedule')}><Started one={one} model={model} around={around} /></Fold>
      )}
      <Fold name={`log:${one.id}`} label={text.__('Log')} testid="mlops-show-log"><Log around={around} id={one.id} state={one.state} name={one.name} /></Fold>
    </div>
  );
}

interface RowProps {
  one: Handover;
  model: JobsModel;
  around: Surroundings;
  /** Where it stands in a long list, which wants to know how high it is. */
  top?: number;
  at?: number;
  of?: number;
  measure?: Placed['measure'];
}

/** Drawn again only when it is another one: there may be a thousand. */
const Row = React.memo(function Row({ one, model, around, top = 0, at = 0, of = 0, measure }: RowProps): React.JSX.Element {
  const id = React.useId();
  const text = useText();
  const [open, toggle] = useFold(`submission:${one.id}`, false);
  const given = givenWords(one);
  return (
    <li
      className="jp-mlops-run" data-testid="mlops-submission" data-id={one.id} data-state={one.state}
      {...(measure && { ref: measure, 'data-index': at, 'aria-setsize': of, 'aria-posinset': at + 1, style: { transform: `translateY(${top}px)` } })}
    >
      <button type="button" className="jp-mlops-run-title" aria-expanded={open} aria-controls={id} onClick={toggle}>
        <Icon mark="caret" className={open ? 'jp-mlops-mod-open' : ''} />
        <span className="jp-mlops-run-head">
          <span className="jp-mlops-run-name"><strong>{one.name}</strong><span className="jp-mlops-muted">{one.runner}</span></span>
          <span className="jp-mlops-badges"><StateChip state={one.state} /></span>
        </span>
        <span className="jp-mlops-run-sub"><Time one={one} />{given !== '' && ` · ${given}`}{(one.schedule ?? '') !== '' && ` · ${one.schedule ?? ''}`}</span>
        {(one.unasked ?? '') !== '' && <span className="jp-mlops-run-sub"><Icon mark="warning" /> {text.__('As last seen: %1', one.unasked ?? '')}</span>}
        <Progress one={one} />
      </button>
      <div id={id} hidden={!open}>{open && <Details one={one} model={model} around={around} />}</div>
    </li>
  );
});

export function HandoverList({ all, model, around, label }: { all: readonly Handover[]; model: JobsModel; around: Surroundings; label: string }): React.JSX.Element {
  if (all.length > LONG) {
    return (
      <LongList
        count={all.length} guess={GUESS} label={label} className="jp-mlops-runs jp-mlops-handovers" keyOf={at => all[at]?.id ?? String(at)}
        row={(at, placed) => {
          const one = all[at];
          return one ? <Row key={one.id} one={one} model={model} around={around} {...placed} at={at} of={all.length} /> : null;
        }}
      />
    );
  }
  return (
    <ul className="jp-mlops-runs jp-mlops-handovers" aria-label={label}>
      {all.map(one => <Row key={one.id} one={one} model={model} around={around} />)}
    </ul>
  );
}

/** Many that one sweep handed over: one line, and the rest on request. */
export function HandoverGroup({ group, model, around }: { group: readonly [Handover, ...Handover[]]; model: JobsModel; around: Surroundings }): React.JSX.Element {
  const text = useText();
  const [newest] = group;
  const states = new Map<string, number>();
  group.forEach(one => states.set(one.state, (states.get(one.state) ?? 0) + 1));
  const words = [...states].map(([state, n]) => text.__('%1 %2', n, stateWord(text, state))).join(', ');
  return (
    <div className="jp-mlops-handover-group" data-testid="mlops-sweep-group">
      <Fold name={`group:${newest.parent ?? ''}`} label={<>{text.__('Sweep of %1', newest.name)} <span className="jp-mlops-label-note">{`${newest.runner} · ${text._n('%1 run', '%1 runs', group.length)}: ${words}`}</span></>}>
        <HandoverList all={group} model={model} around={around} label={text.__('Sweep of %1', newest.name)} />
      </Fold>
    </div>
  );
}
