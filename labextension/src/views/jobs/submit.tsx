/** Where a job is to run: a runner, its options, and when it starts again. */

import * as React from 'react';

import type { Known } from '../../api/schema';
import { problemOf, type Problem } from '../../model/problem';
import type { Order, Submitting } from '../../model/submitting';
import { Copyable, Fold, ProblemNote, Waiting } from '../parts';
import { useText } from '../text';
import { TextField } from './fields';

export const NO_ORDER: Order = {
  runner: '', options: {}, cron: '', zone: Intl.DateTimeFormat().resolvedOptions().timeZone, retries: 0, unverified: false
};

/** All runners, asked for when this is first drawn. */
export function useRunners(submitting: Submitting): [readonly Known[] | null, Problem | null] {
  const [found, setFound] = React.useState<readonly Known[] | null>(null);
  const [problem, setProblem] = React.useState<Problem | null>(null);
  React.useEffect(() => {
    let wanted = true;
    submitting.runners().then(
      all => wanted && setFound(all),
      (error: unknown) => wanted && setProblem(problemOf(error))
    );
    return () => {
      wanted = false;
    };
  }, [submitting]);
  return [found, problem];
}

/** Why an order cannot be sent yet; "" if it can. */
export function lacking(known: Known | undefined, order: Order): string {
  if (!known || (known.missing ?? '') !== '') {
    return known ? 'missing' : 'runner';
  }
  const needed = Object.entries(known.options ?? {}).filter(([name, byDefault]) => byDefault === 'needed' && (order.options[name] ?? '').trim() === '');
  return needed[0]?.[0] ?? (known.schedules === 'must' && order.cron.trim() === '' ? 'schedule' : '');
}

interface OrderProps {
  runners: readonly Known[];
  order: Order;
  verified: boolean;
  onChange: (order: Order) => void;
}

function About({ runner }: { runner: Known }): React.JSX.Element {
  const text = useText();
  if ((runner.missing ?? '') !== '') {
    return (
      <div className="jp-mlops-note jp-mlops-mod-warn" role="note">
        <div>
          <p>{runner.missing}</p>
          {(runner.remedy ?? '') !== '' && <Copyable text={runner.remedy ?? ''} what={text.__('the install command')} />}
        </div>
      </div>
    );
  }
  const facts: [string, string | undefined][] = [
    [text.__('bundle'), runner.bundle], [text.__('environment'), runner.environment], [text.__('inputs'), runner.inputs], [text.__('results'), runner.results]
  ];
  return (
    <Fold name={`runner:${runner.name}`} label={text.__('How it gets there')}>
      <dl className="jp-mlops-facts">
        {facts.filter(([, what]) => (what ?? '') !== '').map(([name, what]) => (
          <div key={name}><dt>{name}</dt><dd>{what}</dd></div>
        ))}
      </dl>
    </Fold>
  );
}

function Options({ runner, order, onChange }: { runner: Known; order: Order; onChange: (order: Order) => void }): React.JSX.Element | null {
  const text = useText();
  const options = Object.entries(runner.options ?? {});
  const needed = options.filter(([, byDefault]) => byDefault === 'needed');
  const others = options.filter(([, byDefault]) => byDefault !== 'needed');
  const field = ([name, byDefault]: [string, string]): React.JSX.Element => (
    <TextField
      key={name}
      label={<code>{name}</code>}
      placeholder={byDefault === 'needed' ? text.__('needed') : byDefault}
      value={order.options[name] ?? ''}
      onChange={value => onChange({ ...order, options: { ...order.options, [name]: value } })}
    />
  );
  return (
    <>
      {needed.map(field)}
      <Fold name={`options:${runner.name}`} label={text.__('Options')}>
        <div className="jp-mlops-fields">
          {others.map(field)}
          <TextField label={text.__('Retries')} type="number" value={String(order.retries)} onChange={value => onChange({ ...order, retries: Math.max(0, Math.floor(Number(value) || 0)) })} />
        </div>
      </Fold>
    </>
  );
}

function When({ runner, order, onChange }: { runner: Known; order: Order; onChange: (order: Order) => void }): React.JSX.Element | null {
  const text = useText();
  if ((runner.schedules ?? '') === '') {
    return null;
  }
  return (
    <>
      <TextField
        label={text.__('Schedule')}
        placeholder={runner.schedules === 'must' ? '0 6 * * 1-5' : text.__('once, now')}
        help={text.__('Minute, hour, day, month, day of the week: 0 6 * * 1-5 is at six on working days')}
        value={order.cron}
        onChange={cron => onChange({ ...order, cron })}
      />
      {order.cron.trim() !== '' && <TextField label={text.__('Time zone')} placeholder="UTC" value={order.zone} onChange={zone => onChange({ ...order, zone })} />}
    </>
  );
}

export function OrderFields({ runners, order, verified, onChange }: OrderProps): React.JSX.Element {
  const text = useText();
  const id = React.useId();
  const runner = runners.find(one => one.name === order.runner);
  const name = (one: Known): string => ((one.missing ?? '') === '' ? one.name : text.__('%1 (not installed)', one.name));
  return (
    <div className="jp-mlops-fields" data-testid="mlops-order">
      <div className="jp-mlops-field">
        <label htmlFor={id}>{text.__('Runner')}</label>
        <select id={id} className="jp-mlops-select jp-mlops-input" value={order.runner} onChange={event => onChange({ ...order, runner: event.target.value, options: {} })}>
          <option value="">{text.__('choose…')}</option>
          {runners.map(one => <option key={one.name} value={one.name}>{name(one)}</option>)}
        </select>
        {runner?.title !== undefined && <p className="jp-mlops-help">{runner.title}</p>}
      </div>
      {runner && <About runner={runner} />}
      {runner && (runner.missing ?? '') === '' && (
        <>
          <Options runner={runner} order={order} onChange={onChange} />
          <When runner={runner} order={order} onChange={onChange} />
          {!verified && (
            <label className="jp-mlops-check">
              <input type="checkbox" checked={order.unverified} onChange={event => onChange({ ...order, unverified: event.target.checked })} />
              {text.__('Hand it over although no clean run has verified it')}
            </label>
          )}
        </>
      )}
    </div>
  );
}

/** The fields of an order, while runners are looked for and when that failed too. */
export function Ordering({ submitting, order, verified, onChange }: Omit<OrderProps, 'runners'> & { submitting: Submitting }): React.JSX.Element {
  const text = useText();
  const [runners, problem] = useRunners(submitting);
  if (!runners) {
    return problem ? <ProblemNote problem={problem} /> : <Waiting>{text.__('Looking for runners…')}</Waiting>;
  }
  return <OrderFields runners={runners} order={order} verified={verified} onChange={onChange} />;
}
