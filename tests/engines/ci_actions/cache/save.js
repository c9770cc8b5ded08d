const fs = require('fs'), path = require('path');
const kept = path.join(process.env.CACHE_HERE, process.env.INPUT_KEY), place = process.env.INPUT_PATH;
if (!fs.existsSync(kept) && fs.existsSync(place)) fs.cpSync(place, kept, {recursive: true, verbatimSymlinks: true});
