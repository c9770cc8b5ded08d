/** Metrics, params and datasets of a run. */

import * as React from 'react';

import type { Dataset, Metric, Param, Run } from '../api/schema';
import { keyedMetrics, mainMetrics, number, scalar } from '../model/format';
import { Breakable, Button, Fold } from './parts';
import { useText, type Text } from './text';

const WIDTH = 64;
const HEIGHT = 16;

/** A metric's course over steps. */
function Course({ values }: { values: readonly number[] }): React.JSX.Element {
  const text = useText();
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const points = values.map((value, i) => `${(i / (values.length - 1)) * WIDTH},${HEIGHT - 2 - ((value - low) / span) * (HEIGHT - 4)}`);
  return (
    <svg className="jp-mlops-course" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={text.__('%1 values, from %2 to %3', values.length, number(values[0] ?? 0), number(values.at(-1) ?? 0))}>
      <polyline points={points.join(' ')} />
    </svg>
  );
}

/** Label above value, as many side by side as fit. */
export function MetricLine({ metrics }: { metrics: readonly Metric[] }): React.JSX.Element {
  return (
    <span className="jp-mlops-metrics">
      {metrics.map(metric => (
        <span key={metric.name} className="jp-mlops-metric" title={`${metric.name} = ${metric.value}`}>
          <span className="jp-mlops-metric-name">{metric.name}</span>
          <span className="jp-mlops-figure">{number(metric.value)}</span>
        </span>
      ))}
    </span>
  );
}

function Keyed({ run, name, metrics }: { run: string; name: string; metrics: readonly Metric[] }): React.JSX.Element {
  const text = useText();
  const top = Math.max(...metrics.map(metric => Math.abs(metric.value)), Number.MIN_VALUE);
  return (
    <Fold name={`keys:${run}:${name}`} label={<><code>{name}</code> {text.__('by key')} <span className="jp-mlops-label-note">{metrics.length}</span></>}>
      <table className="jp-mlops-table jp-mlops-keyed">
        <tbody>
          {metrics.map(metric => (
            <tr key={metric.key}>
              <th scope="row">{metric.key}</th>
              <td aria-hidden="true">
                <span className="jp-mlops-meter" style={{ width: `${(Math.abs(metric.value) / top) * 100}%` }} />
              </td>
              <td className="jp-mlops-figure">{number(metric.value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Fold>
  );
}

/** All metrics. Those that the headline shows are listed again only where the list says more. */
export function Metrics({ run, headline }: { run: Run; headline: number }): React.JSX.Element | null {
  const text = useText();
  const all = mainMetrics(run);
  const more = all.length > headline || all.some(metric => (metric.series ?? []).length > 1 || metric.shared === true);
  const main = more ? all : [];
  const keyed = [...keyedMetrics(run)];
  if (main.length + keyed.length === 0) {
    return null;
  }
  return (
    <div className="jp-mlops-block">
      <h3 className="jp-mlops-label">{text.__('Metrics')}</h3>
      <table className="jp-mlops-table">
        <tbody>
          {main.map(metric => (
            <tr key={metric.name}>
              <th scope="row">
                <code><Breakable text={metric.name} /></code>
                {metric.shared === true && <span className="jp-mlops-label-note" title={text.__('It could belong to more than one model')}> {text.__('shared')}</span>}
              </th>
              <td>{(metric.series ?? []).length > 1 && <Course values={metric.series ?? []} />}</td>
              <td className="jp-mlops-figure" title={String(metric.value)}>{number(metric.value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {keyed.map(([name, metrics]) => (
        <Keyed key={name} run={run.id} name={name} metrics={metrics} />
      ))}
    </div>
  );
}

export function Params({ params }: { params: readonly Param[] }): React.JSX.Element | null {
  const text = useText();
  const [all, setAll] = React.useState(false);
  const shown = params.filter(param => param.shown !== false);
  const list = all ? [...shown, ...params.filter(param => param.shown === false)] : shown;
  if (params.length === 0) {
    return null;
  }
  return (
    <div className="jp-mlops-block">
      <h3 className="jp-mlops-label">
        {text.__('Params')}
        {shown.length < params.length && (
          <Button kind="quiet" label={all ? text.__('Show only the params that matter') : text.__('Show all params')} onClick={() => setAll(!all)}>
            {all ? text.__('fewer') : text.__('all %1', params.length)}
          </Button>
        )}
      </h3>
      <table className="jp-mlops-table">
        <tbody>
          {list.map(param => (
            <tr key={`${param.source ?? ''}${param.name}`} data-shown={param.shown !== false}>
              <th scope="row"><code><Breakable text={param.name} /></code></th>
              <td className="jp-mlops-figure"><code title={scalar(param.value)}>{scalar(param.value)}</code></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function sizeOf(dataset: Dataset, text: Text): string {
  const shape = dataset.fingerprint.shape ?? [];
  const [rows, columns] = shape;
  if (rows === undefined) {
    return dataset.fingerprint.kind === 'opaque' ? text.__('content unknown') : dataset.fingerprint.kind;
  }
  return columns === undefined ? text._n('%2 row', '%2 rows', rows, rows.toLocaleString('en')) : `${rows.toLocaleString('en')} × ${columns.toLocaleString('en')}`;
}

export function Datasets({ datasets }: { datasets: readonly Dataset[] }): React.JSX.Element | null {
  const text = useText();
  if (datasets.length === 0) {
    return null;
  }
  return (
    <div className="jp-mlops-block">
      <h3 className="jp-mlops-label">{text.__('Data')}</h3>
      <table className="jp-mlops-table">
        <tbody>
          {datasets.map(dataset => (
            <tr key={`${dataset.name}${dataset.role ?? ''}`} title={dataset.fingerprint.digest ?? text.__('content unknown')}>
              <th scope="row">
                <code><Breakable text={dataset.name} /></code>
                {(dataset.source ?? dataset.name) !== dataset.name && <span className="jp-mlops-label-note">{` ${dataset.source}`}</span>}
              </th>
              <td className="jp-mlops-figure">{sizeOf(dataset, text)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
