/** What changed between two runs: metrics, params, data down to the column, code by cell, environment. */

import * as React from 'react';

import type { Compared, MetricChange, PackageChange, ParamChange, RunLine } from '../api/schema';
import { apart, number, scalar, when } from '../model/format';
import { CompareModel } from '../model/runs-compare';
import { deltaText, numeric } from '../model/runs-table';
import type { PanelState } from '../model/state';
import type { Place } from '../model/trail';
import { CodeChanges, DataChanges } from './compare-parts';
import { Icon } from './icons';
import { Breakable, Button, LookProblem, Page, Section, Waiting, useActions } from './parts';
import { nameOf } from './runs/words';
import { useText } from './text';
import { useTab, type View } from './view';

const MOST = 200;

function Side({ line, what, of }: { line: RunLine; what: string; of: string }): React.JSX.Element {
  const actions = useActions();
  return (
    <div className="jp-mlops-side">
      <span className="jp-mlops-muted jp-mlops-small">{what}</span>
      <button type="button" className="jp-mlops-link" data-leads={`run:${line.id}`} onClick={() => actions.show('run', line.id)}>
        <Breakable text={nameOf(line)} />
      </button>
      <span className="jp-mlops-muted jp-mlops-small">{of === '' ? when(line.started) : `${of} · ${when(line.started)}`}</span>
    </div>
  );
}

interface HeadsProps {
  compared: Compared;
  others: readonly RunLine[];
}

/** The two runs; another one to compare with; the two the other way round. */
function Heads({ compared: { a, b }, others }: HeadsProps): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const id = React.useId();
  const several = a.experiment !== b.experiment;
  return (
    <>
      <div className="jp-mlops-sides">
        <Side line={a} what={text.__('from')} of={several ? a.experiment : ''} />
        <Button kind="quiet" label={text.__('The other way round')} onClick={() => actions.show('compare', a.id, b.id)}>⇄</Button>
        <Side line={b} what={text.__('to')} of={several ? b.experiment : ''} />
      </div>
      {others.length > 0 && (
        <div className="jp-mlops-opposite">
          <label htmlFor={id}>{text.__('Compared with')}</label>
          <select id={id} className="jp-mlops-select" value={a.id} onChange={event => actions.show('compare', b.id, event.target.value)}>
            {[...(others.some(one => one.id === a.id) ? [] : [a]), ...others].map(one => <option key={one.id} value={one.id}>{nameOf(one)}{one.baseline === true ? text.__(' (baseline)') : ''}</option>)}
          </select>
        </div>
      )}
    </>
  );
}

/** Two numbers so that they can be told apart. */
function pair(change: MetricChange): [string, string] {
  const [a, b] = [change.a ?? null, change.b ?? null].map(value => (value === null ? null : numeric(value)));
  if (typeof a === 'number' && typeof b === 'number' && number(a) === number(b)) {
    return apart(a, b);
  }
  return [a, b].map(value => (typeof value === 'number' ? number(value) : '–')) as [string, string];
}

function deltaWords(change: MetricChange): string {
  const delta = numeric(change.delta ?? undefined);
  return Number.isNaN(delta) ? '' : delta === 0 ? '=' : deltaText(delta);
}

function Metrics({ changes, a, b }: { changes: readonly MetricChange[]; a: RunLine; b: RunLine }): React.JSX.Element {
  const text = useText();
  const [all, setAll] = React.useState(false);
  const whole = changes.filter(change => (change.key ?? '') === '');
  const shown = all || whole.length === 0 ? changes.slice(0, MOST) : whole;
  return (
    <>
      <table className="jp-mlops-table jp-mlops-compared jp-mlops-stacks">
        <thead><tr><th scope="col">{text.__('metric')}</th><th scope="col">{`#${a.number}`}</th><th scope="col">{`#${b.number}`}</th><th scope="col">{text.__('change')}</th></tr></thead>
        <tbody>
          {shown.map(change => (
            <tr key={`${change.name}[${change.key ?? ''}]`} data-moved={(change.delta ?? 0) !== 0}>
              <th scope="row"><code><Breakable text={(change.key ?? '') === '' ? change.name : `${change.name}[${change.key}]`} /></code></th>
              {pair(change).map((value, i) => <td key={i} className="jp-mlops-figure">{value}</td>)}
              <td className="jp-mlops-figure jp-mlops-delta">{deltaWords(change)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < changes.length && !all && <Button kind="quiet" onClick={() => setAll(true)}>{text.__('All %1, by key too', changes.length)}</Button>}
    </>
  );
}

/** Names with a value on each side, where they differ. */
function Values({ rows, a, b, what }: { rows: readonly (readonly [string, string | null, string | null])[]; a: RunLine; b: RunLine; what: string }): React.JSX.Element {
  return (
    <table className="jp-mlops-table jp-mlops-compared">
      <thead><tr><th scope="col">{what}</th><th scope="col">{`#${a.number}`}</th><th scope="col">{`#${b.number}`}</th></tr></thead>
      <tbody>
        {rows.slice(0, MOST).map(([name, left, right]) => (
          <tr key={name}>
            <th scope="row"><code><Breakable text={name} /></code></th>
            <td className="jp-mlops-was" title={left ?? ''}>{left === null ? '–' : <code>{left}</code>}</td>
            <td className="jp-mlops-is" title={right ?? ''}>{right === null ? '–' : <code>{right}</code>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const sides = (change: ParamChange): readonly [string, string | null, string | null] => [
  change.name, change.only === 'b' ? null : scalar(change.a), change.only === 'a' ? null : scalar(change.b)
];
const versions = (change: PackageChange): readonly [string, string | null, string | null] => [change.name, (change.a ?? '') || null, (change.b ?? '') || null];

function Found({ compared }: { compared: Compared }): React.JSX.Element {
  const text = useText();
  const { a, b, found } = compared;
  const { metrics = [], params = [], models = [], code = [], data = [], environment = [], packages = [], random = [] } = found;
  const settings = [...models, ...params].map(sides);
  const around = [...environment.map(sides), ...packages.map(versions)];
  return (
    <div className="jp-mlops-compare" data-testid="mlops-compare-page">
      {random.map(words => <p key={words} className="jp-mlops-note jp-mlops-mod-warn"><Icon mark="warning" /><span>{words}</span></p>)}
      {found.same === true && random.length === 0 && <p className="jp-mlops-note" data-testid="mlops-same">{text.__('Code, params, data and environment are equal.')}</p>}
      {metrics.length > 0 && <Section title={text.__('Metrics')} fold="compare:metrics" note={String(metrics.length)}><Metrics changes={metrics} a={a} b={b} /></Section>}
      {settings.length > 0 && <Section title={text.__('Params')} fold="compare:params" note={String(settings.length)}><Values rows={settings} a={a} b={b} what={text.__('param')} /></Section>}
      {data.length > 0 && <Section title={text.__('Data')} fold="compare:data" note={String(data.length)}><DataChanges changes={data} /></Section>}
      {code.length > 0 && <Section title={text.__('Code')} fold="compare:code" note={text._n('%1 cell', '%1 cells', code.length)}><CodeChanges changes={code} a={a.number} b={b.number} /></Section>}
      {around.length > 0 && <Section title={text.__('Environment')} fold="compare:environment" note={String(around.length)}><Values rows={around} a={a} b={b} what={text.__('what')} /></Section>}
    </div>
  );
}

/** The runs that are near at hand to compare with, as lines. */
function near(panel: PanelState, than: string): RunLine[] {
  return panel.runs.filter(run => run.id !== than).slice(0, 50).map(run => ({
    id: run.id, number: run.number ?? 0, title: nameOf(run).replace(/^#\d+ /, ''), experiment: run.experiment, experiment_id: run.experiment_id,
    session: run.session, state: run.state, started: run.started, baseline: run.baseline === true
  }));
}

function ComparePage({ model, place, panel }: { model: CompareModel; place: Place; panel: PanelState }): React.JSX.Element {
  const text = useText();
  const { compared, of, problem, loading } = useTab(model);
  React.useEffect(() => model.compare(place.subject, place.other), [model, place.subject, place.other]);
  const mine = of === `${place.subject} ${place.other}` ? compared : null;
  const title = mine ? text.__('What changed: #%1 → #%2', mine.a.number, mine.b.number) : text.__('What changed');
  return (
    <Page title={title}>
      <LookProblem problem={problem} onAgain={() => model.refresh(0)} />
      {!mine && loading && <Waiting>{text.__('Comparing…')}</Waiting>}
      {mine && <Heads compared={mine} others={near(panel, mine.b.id)} />}
      {mine && <Found compared={mine} />}
    </Page>
  );
}

export const compareView: View = {
  id: 'compare',
  tab: null,
  open: around => {
    const model = new CompareModel(around);
    return { model, draw: ({ place, panel }) => <ComparePage model={model} place={place} panel={panel} /> };
  }
};
