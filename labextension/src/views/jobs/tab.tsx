/** Jobs: those made from this notebook, ready to be started; and all that is on its way, on whatever runner. */

import * as React from 'react';

import type { Handover } from '../../api/schema';
import { goesOn, grouped, JobsModel } from '../../model/jobs';
import type { PanelState } from '../../model/state';
import type { Surroundings } from '../../model/tab';
import { Button, LookProblem, Section, Waiting, useActions } from '../parts';
import { useText } from '../text';
import { useTab, type View } from '../view';
import { stateWord } from '../words';
import { HandoverGroup, HandoverList } from './handover';
import { Job } from './job';

interface TabProps {
  panel: PanelState;
  made: string;
  model: JobsModel;
  around: Surroundings;
}

function Bundles({ panel, made, model }: Omit<TabProps, 'around'>): React.JSX.Element {
  const text = useText();
  const { sweeps } = useTab(model);
  if (panel.jobs.length === 0) {
    return <p className="jp-mlops-nothing">{text.__('No jobs yet. Convert a run: its cells become a job with parameters.')}</p>;
  }
  return (
    <ul className="jp-mlops-runs" data-testid="mlops-jobs" aria-label={text.__('Jobs')}>
      {panel.jobs.map(job => (
        <Job key={job.folder} job={job} tasks={panel.tasks} model={model} sweeps={sweeps[job.folder] ?? []} made={made} />
      ))}
    </ul>
  );
}

interface Chunk {
  readonly sweep: boolean;
  readonly all: [Handover, ...Handover[]];
}

/** Sweeps apart, and what lies between them together: one list each. */
function chunks(all: readonly Handover[]): Chunk[] {
  const found: Chunk[] = [];
  for (const group of grouped(all)) {
    const last = found.at(-1);
    if (group.length > 1) {
      found.push({ sweep: true, all: [...group] });
    } else if (last && !last.sweep) {
      last.all.push(group[0]);
    } else {
      found.push({ sweep: false, all: [group[0]] });
    }
  }
  return found;
}

type Which = 'all' | 'mine' | 'open';

function chosen(all: readonly Handover[], which: Which, panel: PanelState): readonly Handover[] {
  const digests = new Set(panel.jobs.map(job => job.manifest.digest ?? ''));
  const isMine = (one: Handover): boolean => digests.has(one.job) || (panel.path !== '' && one.notebook === panel.path);
  return all.filter(one => which === 'all' || (which === 'mine' ? isMine(one) : goesOn(one) || one.state === 'scheduled'));
}

function Filter({ which, onWhich }: { which: Which; onWhich: (which: Which) => void }): React.JSX.Element {
  const text = useText();
  const words: Record<Which, string> = { all: text.__('All'), mine: text.__('This notebook'), open: text.__('Under way') };
  return (
    <div className="jp-mlops-ways jp-mlops-filter" role="group" aria-label={text.__('Which submissions')}>
      {(Object.keys(words) as Which[]).map(one => (
        <button key={one} type="button" aria-pressed={one === which} onClick={() => onWhich(one)}>{words[one]}</button>
      ))}
    </div>
  );
}

function Underway({ panel, model, around }: Omit<TabProps, 'made'>): React.JSX.Element {
  const text = useText();
  const { handovers, more, loading, problem } = useTab(model);
  const [which, setWhich] = React.useState<Which>('all');
  const shown = chosen(handovers, which, panel);
  if (handovers.length === 0) {
    return (
      <div className="jp-mlops-nothing">
        <LookProblem problem={problem} onAgain={() => model.refresh(0)} />
        {!problem && loading && <Waiting>{text.__('Looking…')}</Waiting>}
        {!problem && !loading && <p>{text.__('Nothing was handed to a runner yet. Open a job, choose “On a runner”, and it goes on without this page.')}</p>}
      </div>
    );
  }
  return (
    <>
      <LookProblem problem={problem} onAgain={() => model.refresh(0)} />
      <Filter which={which} onWhich={setWhich} />
      <div data-testid="mlops-submissions">
        {chunks(shown).map((chunk, i) =>
          chunk.sweep ? (
            <HandoverGroup key={chunk.all[0].id} group={chunk.all} model={model} around={around} />
          ) : (
            <HandoverList key={`list ${i}`} all={chunk.all} model={model} around={around} label={text.__('Submissions')} />
          )
        )}
      </div>
      {shown.length === 0 && <p className="jp-mlops-nothing">{text.__('None of these.')}</p>}
      {more && <div className="jp-mlops-more"><Button kind="quiet" onClick={() => model.more()}>{text.__('Older ones')}</Button></div>}
    </>
  );
}

/** Says what has ended since the last look, for whoever does not see it. */
function useNews(handovers: readonly Handover[]): string {
  const text = useText();
  const before = React.useRef(new Map<string, string>());
  const [news, setNews] = React.useState('');
  React.useEffect(() => {
    const changed = handovers.filter(one => before.current.has(one.id) && before.current.get(one.id) !== one.state);
    before.current = new Map(handovers.map(one => [one.id, one.state]));
    if (changed.length > 0) {
      setNews(changed.map(one => text.__('%1 on %2: %3', one.name, one.runner, stateWord(text, one.state))).join('; '));
    }
  }, [handovers, text]);
  return news;
}

function JobsTab(props: TabProps): React.JSX.Element {
  const { made, model, panel } = props;
  const actions = useActions();
  const text = useText();
  const { handovers } = useTab(model);
  const news = useNews(handovers);
  React.useEffect(() => {
    if (made !== '') {
      actions.fold(`job:${made}`, true);
    }
  }, [actions, made]);
  const underway = handovers.filter(goesOn).length;
  return (
    <>
      <Section title={text.__('Jobs of this notebook')} fold="Jobs" note={panel.jobs.length > 0 ? String(panel.jobs.length) : ''}>
        <Bundles {...props} />
      </Section>
      <Section title={text.__('Submissions')} fold="Submissions" note={underway > 0 ? text._n('%1 under way', '%1 under way', underway) : ''}>
        <Underway {...props} />
      </Section>
      <p className="jp-mlops-hidden" role="status">{news}</p>
    </>
  );
}

export const jobsView: View = {
  id: 'jobs',
  tab: text => text.__('Jobs'),
  open: around => {
    const model = new JobsModel(around);
    return { model, draw: ({ place, panel }) => <JobsTab panel={panel} made={place.subject} model={model} around={around} /> };
  }
};
