/** The panel's own icon: a path of steps that ends in a check. A core icon would look like a core panel. */

import { LabIcon } from '@jupyterlab/ui-components';

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
  <g class="jp-icon3" fill="#616161">
    <circle cx="5" cy="5.5" r="2.5"/>
    <path d="M7 5h6.5a4 4 0 0 1 0 8h-4a2.5 2.5 0 0 0-2.5 2.5V16H5.5v-.5a4 4 0 0 1 4-4h4a2.5 2.5 0 0 0 0-5H7z"/>
    <circle cx="6.25" cy="18" r="2.5"/>
    <path d="M20.3 14.2l1.2 1.2-6 6-3.6-3.6 1.2-1.2 2.4 2.4z"/>
  </g>
</svg>`;

export const panelIcon = new LabIcon({ name: 'mlops-jupyter:panel', svgstr: SVG });

const RUN_STALE = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
  <g class="jp-icon3" fill="#616161">
    <path d="M12 4a8 8 0 1 0 8 8h-2a6 6 0 1 1-1.8-4.2L13.5 10.500H20V4l-2.400 2.400A8 8 0 0 0 12 4z"/>
    <path d="M10 9v6l5-3z"/>
  </g>
</svg>`;

export const runStaleIcon = new LabIcon({ name: 'mlops-jupyter:run-stale', svgstr: RUN_STALE });
