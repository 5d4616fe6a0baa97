package faultproxy

import (
	"fmt"
	"slices"
)

// Match says which calls a rule is for. What is empty fits all.
type Match struct{ Client, Service, Operation string }

func (m Match) fits(c Call) bool {
	fits := func(want, got string) bool { return want == "" || want == got }
	return fits(m.Client, c.Client) && fits(m.Service, c.Service) && fits(m.Operation, c.Operation)
}

// Rule is one way in which the proxy is not just a wire.
type Rule struct {
	Name  string
	Match Match
	Skip  int // so many calls that fit go through before the rule acts
	Times int // it acts so often; 0: always
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
// rules that were switched on earlier, so what the emulation lacks comes first.
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

// Unused names the rules that are switched on and have not acted as often as they
// should, or at all. A test whose fault did not happen shows nothing.
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

// act lets one rule see a call.
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
