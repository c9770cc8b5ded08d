// In place of Google's RE2 in C++, for patterns that nobody hostile has written: see ci_tools.py.
module.exports = RegExp;
module.exports.default = RegExp;
