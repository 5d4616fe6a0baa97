package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// given are the flags that a command was given, with a space before each, to be typed again.
func given(flags *pflag.FlagSet, except ...string) string {
	var words strings.Builder
	flags.Visit(func(f *pflag.Flag) {
		if slices.Contains(except, f.Name) {
			return
		}
		value := f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			value = strings.Join(list.GetSlice(), ",")
		}
		switch {
		case f.Value.Type() != "bool":
			words.WriteString(" --" + f.Name + " " + shellWord(value))
		case value == "true":
			words.WriteString(" --" + f.Name)
		}
	})
	return words.String()
}

// plainWord is what no shell reads anything into.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,-]+$`)

// shellWord is a text as one word of a POSIX shell.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
