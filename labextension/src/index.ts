/** Every plugin of this extension. */

import panel from './plugins/panel';

export default [panel];
