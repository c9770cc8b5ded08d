/** Delivery: per experiment, from the first run to a verified job, what fails, what it costs, what comes out again; week by week. */

import * as React from 'react';

import type { Delivery } from '../api/schema';
import { DeliveryModel, share, weekly } from '../model/delivery';
import { percent, span } from '../model/spans';
import type { PanelState } from '../model/state';
import { Button, Fold, LookProblem, Section, Waiting } from './parts';
import { useText, type Text } from './text';
import { Trend } from './trend';
import { useTab, type View } from './view';

const FIRST = 20;

interface Figure {
  readonly name: string;
  readonly value: string;
  readonly about: string;
  readonly weeks: readonly (number | null)[];
  /** A share goes from nothing to all; an amount to the largest of its weeks. */
  readonly kind: 'share' | 'seconds' | 'none';
}

const orDash = (value: number | null, words: (value: number) => string): string => (value === null ? '–' : words(value));

function figuresOf(one: Delivery, text: Text): Figure[] {
  const { whole } = one;
  return [
    {
      name: text.__('First run to verified job'),
      value: orDash(one.to_job ?? null, span),
      about: one.to_job === null || one.to_job === undefined ? text.__('no verified job yet') : text.__('since the first run'),
      weeks: [],
      kind: 'none'
    },
    {
      name: text.__('Runs that come out again'),
      value: orDash(share(whole.reproduced, whole.verified), percent),
      about: whole.verified === 0 ? text.__('no run was verified yet') : text.__('%1 of %2 verified; %3 of all runs were', whole.reproduced, whole.verified, orDash(share(whole.verified, whole.runs), percent)),
      weeks: weekly(one, week => week.reproduced, week => week.verified),
      kind: 'share'
    },
    {
      name: text.__('Runs that fail'),
      value: orDash(share(whole.failed_runs, whole.runs), percent),
      about: text._n('%2 of %1 run', '%2 of %1 runs', whole.runs, whole.failed_runs),
      weeks: weekly(one, week => week.failed_runs, week => week.runs),
      kind: 'share'
    },
    {
      name: text.__('Jobs that fail'),
      value: orDash(share(whole.failed_jobs, whole.jobs), percent),
      about: text._n('%2 of %1 job', '%2 of %1 jobs', whole.jobs, whole.failed_jobs),
      weeks: weekly(one, week => week.failed_jobs, week => week.jobs),
      kind: 'share'
    },
    {
      name: text.__('Time in notebooks'),
      value: span(whole.notebook_seconds),
      about: text.__('cells that ran'),
      weeks: one.weeks.map(week => week.notebook_seconds),
      kind: 'seconds'
    },
    {
      name: text.__('Time in jobs'),
      value: span(whole.job_seconds),
      about: text.__('cells that ran'),
      weeks: one.weeks.map(week => week.job_seconds),
      kind: 'seconds'
    }
  ];
}

function Figures({ one }: { one: Delivery }): React.JSX.Element {
  const text = useText();
  return (
    <div className="jp-mlops-figures" data-testid="mlops-figures">
      {figuresOf(one, text).map(figure => (
        <section key={figure.name} className="jp-mlops-tile" aria-label={figure.name}>
          <h3 className="jp-mlops-tile-name">{figure.name}</h3>
          <p className="jp-mlops-tile-value jp-mlops-figure">{figure.value}</p>
          <p className="jp-mlops-help jp-mlops-figure">{figure.about}</p>
          {figure.kind !== 'none' && figure.weeks.some(value => (value ?? 0) > 0) && (
            <Trend name={figure.name} weeks={figure.weeks} starts={one.weeks.map(week => week.start)} top={figure.kind === 'share' ? 1 : null} words={figure.kind === 'share' ? percent : span} />
          )}
        </section>
      ))}
    </div>
  );
}

function HowCounted(): React.JSX.Element {
  const text = useText();
  const rules = [
    text.__('A run counts from its notebook; a run that a job made counts for its job.'),
    text.__('The first verified job: the verdict in a bundle below this server’s folder (up to two folders down), or the first run of a job that was verified by then.'),
    text.__('A run fails when the execution it is about ended with an error. Runs that are still open count as not failed.'),
    text.__('A job fails when its submission ended in any way but success; one that was cancelled does not count. A job that ran here failed if a cell did.'),
    text.__('A run is verified when the verdict is about the cells it has now; it comes out again if that says identical or within tolerance.'),
    text.__('Time is the sum of the seconds that cells took, not the time that a kernel was open.'),
    text.__('Each thing counts in the week in which it began; weeks begin on Monday, UTC.')
  ];
  return (
    <Fold name="delivery:how" label={text.__('How this is counted')}>
      <ul className="jp-mlops-rules">{rules.map(rule => <li key={rule}>{rule}</li>)}</ul>
    </Fold>
  );
}

function Experiments({ all, chosen, onChoose }: { all: readonly Delivery[]; chosen: string; onChoose: (id: string) => void }): React.JSX.Element {
  const text = useText();
  const [most, setMost] = React.useState(FIRST);
  return (
    <div className="jp-mlops-scrollx">
      <table className="jp-mlops-table jp-mlops-experiments">
        <thead>
          <tr>
            <th scope="col">{text.__('experiment')}</th>
            <th scope="col">{text.__('runs')}</th>
            <th scope="col">{text.__('fail')}</th>
            <th scope="col">{text.__('again')}</th>
            <th scope="col">{text.__('to job')}</th>
          </tr>
        </thead>
        <tbody>
          {all.slice(0, most).map(one => (
            <tr key={one.experiment_id} data-chosen={one.experiment_id === chosen}>
              <th scope="row"><button type="button" className="jp-mlops-link" aria-pressed={one.experiment_id === chosen} onClick={() => onChoose(one.experiment_id)}>{one.experiment}</button></th>
              <td className="jp-mlops-figure">{one.whole.runs}</td>
              <td className="jp-mlops-figure">{orDash(share(one.whole.failed_runs, one.whole.runs), percent)}</td>
              <td className="jp-mlops-figure">{orDash(share(one.whole.reproduced, one.whole.verified), percent)}</td>
              <td className="jp-mlops-figure">{orDash(one.to_job ?? null, span)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {all.length > most && <Button kind="quiet" onClick={() => setMost(most * 5)}>{text.__('%1 more', all.length - most)}</Button>}
    </div>
  );
}

function DeliveryTab({ panel, model }: { panel: PanelState; model: DeliveryModel }): React.JSX.Element {
  const text = useText();
  const { all, loading, problem } = useTab(model);
  const [picked, setPicked] = React.useState('');
  const own = panel.live?.session?.experiment_id ?? '';
  const one = all.find(each => each.experiment_id === picked) ?? all.find(each => each.experiment_id === own) ?? all[0];
  if (!one) {
    return (
      <div className="jp-mlops-nothing">
        <LookProblem problem={problem} onAgain={() => model.refresh(0)} />
        {!problem && loading && <Waiting>{text.__('Counting…')}</Waiting>}
        {!problem && !loading && <p>{text.__('Nothing to count yet. Once a tracked notebook has runs, this says how long they take to become a verified job, what fails on the way, and what comes out again.')}</p>}
      </div>
    );
  }
  return (
    <>
      <LookProblem problem={problem} onAgain={() => model.refresh(0)} />
      <div className="jp-mlops-delivery">
        <h2 className="jp-mlops-delivery-name">{one.experiment}</h2>
        <Figures one={one} />
        <HowCounted />
      </div>
      {all.length > 1 && (
        <Section title={text.__('Experiments')} fold="Experiments" note={String(all.length)}>
          <Experiments all={all} chosen={one.experiment_id} onChoose={setPicked} />
        </Section>
      )}
    </>
  );
}

export const deliveryView: View = {
  id: 'delivery',
  tab: text => text.__('Delivery'),
  open: around => {
    const model = new DeliveryModel(around);
    return { model, draw: ({ panel }) => <DeliveryTab panel={panel} model={model} /> };
  }
};
