// The compiler copies no files that are not code: the Lua scripts, the pages and the simulator's clips.
const { cpSync } = require('node:fs');
const { extname } = require('node:path');

cpSync('src', 'dist/src', {
  recursive: true,
  filter: (source) => ['', '.lua', '.mp4', '.html', '.css', '.js'].includes(extname(source)),
});
