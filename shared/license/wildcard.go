package license

import "unicode/utf8"

// matchesWildcard reports whether s fits a pattern in which * stands for any
// text, also none, and ? for one character. Unlike a file's path, a tag's value
// may hold any character, so nothing else is special.
func matchesWildcard(pattern, s string) bool {
	star, resume := -1, 0 // where to go on when the text behind the last * does not fit
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, i
			p++
		case p < len(pattern) && pattern[p] == '?':
			_, size := utf8.DecodeRuneInString(s[i:])
			p, i = p+1, i+size
		case p < len(pattern) && pattern[p] == s[i]:
			p, i = p+1, i+1
		case star >= 0:
			_, size := utf8.DecodeRuneInString(s[resume:])
			resume += size
			p, i = star+1, resume
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
