/** What a job prints, as it comes: it sticks to its end until the user scrolls away from there. Text only. */

import * as React from 'react';

import { LogTail, type LogState } from '../../model/logs';
import type { Surroundings } from '../../model/tab';
import { ProblemNote } from '../parts';
import { useText } from '../text';

const NEAR = 24;

function useTail(around: Surroundings, id: string, state: string): LogState {
  const tail = React.useMemo(() => new LogTail(around.requests, id), [around, id]);
  React.useEffect(() => {
    tail.start();
    return () => tail.stop();
  }, [tail]);
  React.useEffect(() => tail.hurry(), [tail, state]);
  return React.useSyncExternalStore(
    React.useCallback(
      (draw: () => void) => {
        tail.changed.connect(draw);
        return () => void tail.changed.disconnect(draw);
      },
      [tail]
    ),
    () => tail.state
  );
}

export function Log({ around, id, state, name }: { around: Surroundings; id: string; state: string; name: string }): React.JSX.Element {
  const text = useText();
  const log = useTail(around, id, state);
  const box = React.useRef<HTMLPreElement>(null);
  const away = React.useRef(false);
  React.useEffect(() => {
    if (box.current && !away.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [log.text]);
  const onScroll = (event: React.UIEvent<HTMLPreElement>): void => {
    const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
    away.current = scrollHeight - scrollTop - clientHeight > NEAR;
  };
  return (
    <div className="jp-mlops-log" data-testid="mlops-log">
      <ProblemNote problem={log.text === '' ? log.problem : null} />
      {log.text === '' && !log.problem && <p className="jp-mlops-muted" role="status">{log.loading ? text.__('Reading…') : text.__('Nothing printed yet.')}</p>}
      {log.cut && <p className="jp-mlops-muted jp-mlops-small">{text.__('Only the end is shown.')}</p>}
      {log.text !== '' && (
        // A region that scrolls must be reachable by keyboard.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre ref={box} className="jp-mlops-log-text" role="log" aria-label={text.__('Log of %1', name)} aria-live="off" tabIndex={0} onScroll={onScroll}>{log.text}</pre>
      )}
    </div>
  );
}
