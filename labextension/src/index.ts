/** Every plugin of this extension. */

import files from './plugins/files';
import marks from './plugins/marks';
import panel from './plugins/panel';
import status from './plugins/status';
import wide from './plugins/wide';

export default [panel, marks, status, wide, files];
