/** The few marks of the panel, drawn on a 16 pixel grid in the colour of the text around them. Always decorative: words stand beside them. */

import * as React from 'react';

const PATHS = {
  check: 'M3.5 8.5l3 3 6-7',
  cross: 'M4.5 4.5l7 7M11.5 4.5l-7 7',
  dash: 'M4 8h8',
  caret: 'M6 4l4 4-4 4',
  back: 'M10 4L6 8l4 4',
  warning: 'M8 2.5l6 11H2zM8 6.5v3.2M8 11.6v.2',
  question: 'M5.8 6.2c0-1.3 1-2.2 2.3-2.2s2.2.8 2.2 2c0 1.8-2.3 1.8-2.3 3.4M8 11.9v.2',
  approx: 'M3 6.6c1.7-1.6 3.3-1.6 5 0s3.3 1.6 5 0M3 10.6c1.7-1.6 3.3-1.6 5 0s3.3 1.6 5 0',
  history: 'M3 8a5 5 0 1 0 1.6-3.7M4.3 2v2.6h2.6M8 5.5V8l1.8 1.2',
  minus: 'M5 8h6',
  star: 'M8 2.6l1.7 3.4 3.7.5-2.7 2.6.7 3.7L8 11.1l-3.4 1.7.7-3.7-2.7-2.6 3.7-.5z',
  pin: 'M6 2.5h4M6.5 2.5v4L4.5 9h7l-2-2.5v-4M8 9v4.5',
  diff: 'M4.5 3v4M2.5 5h4M9.5 5h4M2.5 11.5h4M9.5 11.5h4M8 2.5v11',
  chart: 'M2.5 2.5v11h11M5 10.5l2.5-4 2.5 2.5 3-5',
  up: 'M8 12.5v-9M4.5 7L8 3.5 11.5 7',
  down: 'M8 3.5v9M4.5 9L8 12.5 11.5 9',
  columns: 'M2.5 3.5h11v9h-11zM6.2 3.5v9M9.8 3.5v9',
  rows: 'M2.5 4h11M2.5 8h11M2.5 12h11',
  target: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4z'
} as const;

export type Mark = keyof typeof PATHS;

export function Icon({ mark, className = '' }: { mark: Mark; className?: string }): React.JSX.Element {
  return (
    <svg className={`jp-mlops-icon ${className}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[mark]} />
    </svg>
  );
}

export function Spinner(): React.JSX.Element {
  return (
    <svg className="jp-mlops-icon jp-mlops-spinner" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <circle cx="8" cy="8" r="5.5" className="jp-mlops-spinner-track" />
      <path d="M8 2.5A5.5 5.5 0 0 1 13.5 8" />
    </svg>
  );
}
