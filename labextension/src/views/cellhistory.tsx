/** From a cell as it ran to its history, where that execution stands open: its source then, its outputs, and the way back to it. */

import * as React from 'react';

import { keyOf } from '../model/history';
import { Icon } from './icons';
import { Button, useActions } from './parts';
import { useText } from './text';

export function ToHistory({ cell, session, n }: { cell: string; session: string; n: number }): React.JSX.Element | null {
  const actions = useActions();
  const text = useText();
  return cell === '' ? null : (
    <Button kind="quiet" testid="mlops-cell-history" leads={`history:${cell}`} label={text.__('History of the cell of execution %1', n)} onClick={() => actions.show('history', cell, session === '' ? '' : keyOf({ session, n }))}>
      <Icon mark="history" />
    </Button>
  );
}
