package faultproxy

import (
	"fmt"
	"slices"
)

// Match says which calls a rule is for. An empty field fits all.
type Match struct{ Client, Service, Operation string }

func (m Match) fits(c Call) bool {
	fits := func(want, got string) bool { return want == "" || want == got }
	return fits(m.Client, c.Client) && fits(m.Service, c.Service) && fits(m.Operation, c.Operation)
}

// Rule is one way in which the proxy differs from a wire.
type Rule struct {
	Name  string
	Match Match
	Skip  int // how many calls that fit go through before the rule acts
	Times int // how often it acts; 0: always
	Act   Act
}

// Act answers a call. forward makes the call, through the rules that were switched
// on before and to the emulation; it may be called once, or not at all.
type Act func(request *Request, forward func() Answer) Answer

// used is a rule that is switched on.
type used struct {
	Rule
	seen, acted int
}

// Use switches a rule on; off switches it off again. A rule sees a call before the
// rules that were switched on earlier, so switch on first what the emulation lacks.
func (p *Proxy) Use(r Rule) (off func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rule := &used{Rule: r}
	p.rules = append(p.rules, rule)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.rules = slices.DeleteFunc(p.rules, func(u *used) bool { return u == rule })
	}
}

// Unused names the rules that are switched on and have acted less often than they
// should, or never. A test whose fault did not happen shows nothing.
func (p *Proxy) Unused() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, r := range p.rules {
		if r.acted < max(1, r.Times) {
			names = append(names, fmt.Sprintf("%s: acted %d times", r.Name, r.acted))
		}
	}
	return names
}

// act passes a call to one rule.
func (p *Proxy) act(r *used, request *Request, forward func() Answer) Answer {
	p.mu.Lock()
	acts := false
	if r.Match.fits(request.Call) {
		r.seen++
		acts = r.seen > r.Skip && (r.Times == 0 || r.acted < r.Times)
	}
	if acts {
		r.acted++
	}
	p.mu.Unlock()
	if !acts {
		return forward()
	}
	return r.Act(request, forward)
}
