package mutation

import (
	"fmt"
	"io"
	"path"
	"time"
)

// Select returns the mutants whose names match a pattern as path.Match knows it, all of
// them for "".
func Select(all []Mutant, pattern string) (some []Mutant, err error) {
	if pattern == "" {
		return all, nil
	}
	for _, m := range all {
		ok, err := path.Match(pattern, m.Name)
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if ok {
			some = append(some, m)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("no mutant is named %s; -list shows their names", pattern)
	}
	return some, nil
}

// List prints what the mutants break.
func List(to io.Writer, mutants []Mutant) {
	for _, m := range mutants {
		_, _ = fmt.Fprintf(to, "%-*s  %s\n", widest(mutants), m.Name, m.Breaks)
	}
}

func widest(mutants []Mutant) (n int) {
	for _, m := range mutants {
		n = max(n, len(m.Name))
	}
	return n
}

// Report prints results as they come.
type Report struct {
	To      io.Writer
	Mutants []Mutant // all that are tried

	counts map[Verdict]int
	took   time.Duration
}

// Tell prints one result.
func (r *Report) Tell(result Result) {
	if r.counts == nil {
		r.counts = map[Verdict]int{}
	}
	r.counts[result.Verdict]++
	r.took += result.Took
	_, _ = fmt.Fprintf(r.To, "%-9s  %-*s  %6.1fs  %s\n", result.Verdict, widest(r.Mutants), result.Mutant.Name, result.Took.Seconds(), result.Detail)
}

// End prints the sum, and reports whether everything that was tried was caught.
func (r *Report) End() (ok bool) {
	_, _ = fmt.Fprintf(r.To, "%d caught, %d survived, %d not tried, %d errors in %s\n",
		r.counts[Caught], r.counts[Survived], r.counts[NotTried], r.counts[Unusable], r.took.Round(time.Second))
	return r.counts[Survived]+r.counts[Unusable] == 0
}
