package multipathconf

// Try says what a pattern does with a text: "bad" for one that is none.
func Try(pattern, text string) string {
	p, err := compile(pattern)
	if err != nil {
		return "bad"
	}
	return p.Match(text).String()
}
