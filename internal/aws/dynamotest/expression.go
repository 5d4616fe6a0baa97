package dynamotest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// expression reads the words of an expression, from left to right. What it does not know is
// an error, so a store that begins to use more notices.
type expression struct {
	write
	words []string
}

var word = regexp.MustCompile(`<=|>=|<>|[()<>=,+]|[#:]?[A-Za-z0-9_]+`)

func (w write) parse(text string) *expression { return &expression{w, word.FindAllString(text, -1)} }

func (e *expression) next() string {
	if len(e.words) == 0 {
		return ""
	}
	first := e.words[0]
	e.words = e.words[1:]
	return first
}

func (e *expression) is(word string) bool {
	if len(e.words) == 0 || e.words[0] != word {
		return false
	}
	e.words = e.words[1:]
	return true
}

// holds reports whether a condition holds for an item, nil if there is none.
func (w write) holds(i item) (ok bool, err error) {
	e := w.parse(w.Condition)
	ok, err = e.or(i)
	if err == nil && len(e.words) > 0 {
		err = fmt.Errorf("package dynamotest does not know what follows in %q: %q", w.Condition, e.words)
	}
	return ok, err
}

func (e *expression) or(i item) (bool, error) {
	any, err := e.and(i)
	for err == nil && e.is("OR") {
		var more bool
		more, err = e.and(i)
		any = any || more
	}
	return any, err
}

func (e *expression) and(i item) (bool, error) {
	all, err := e.term(i)
	for err == nil && e.is("AND") {
		var more bool
		more, err = e.term(i)
		all = all && more
	}
	return all, err
}

func (e *expression) term(i item) (bool, error) {
	if e.is("NOT") {
		ok, err := e.term(i)
		return !ok, err
	}
	first := e.next()
	switch first {
	case "(":
		ok, err := e.or(i)
		if err == nil && !e.is(")") {
			err = fmt.Errorf("a bracket is not closed in %q", e.Condition)
		}
		return ok, err
	case "attribute_exists", "attribute_not_exists":
		args := e.arguments()
		if len(args) != 1 {
			return false, fmt.Errorf("%s of %q", first, args)
		}
		_, there := i[e.name(args[0])]
		return there == (first == "attribute_exists"), nil
	case "begins_with":
		args := e.arguments()
		if len(args) != 2 {
			return false, fmt.Errorf("%s of %q", first, args)
		}
		a, known := e.operand(i, args[0])
		b, _ := e.operand(i, args[1])
		return known && strings.HasPrefix(a.text(), b.text()), nil
	}
	how, second := e.next(), e.next()
	a, known := e.operand(i, first)
	b, also := e.operand(i, second)
	order, comparable := compare(a, b)
	if how == "BETWEEN" {
		e.next() // AND
		c, _ := e.operand(i, e.next())
		most, also := compare(a, c)
		return known && comparable && also && order >= 0 && most <= 0, nil
	}
	ok := known && also && comparable
	switch how {
	case "=":
		return ok && order == 0, nil
	case "<":
		return ok && order < 0, nil
	case "<=":
		return ok && order <= 0, nil
	case ">":
		return ok && order > 0, nil
	case ">=":
		return ok && order >= 0, nil
	}
	return false, fmt.Errorf("package dynamotest does not know %q in %q", how, e.Condition)
}

func (e *expression) arguments() (args []string) {
	for e.next(); len(e.words) > 0 && !e.is(")"); e.is(",") {
		args = append(args, e.next())
	}
	return args
}

func (e *expression) name(word string) string {
	if full, ok := e.Names[word]; ok {
		return full
	}
	return word
}

func (e *expression) operand(i item, word string) (value, bool) {
	if strings.HasPrefix(word, ":") {
		v, ok := e.Values[word]
		return v, ok
	}
	v, ok := i[e.name(word)]
	return v, ok
}

func compare(a, b value) (order int, ok bool) {
	switch {
	case a.S != nil && b.S != nil:
		return strings.Compare(*a.S, *b.S), true
	case a.N != nil && b.N != nil:
		x, y := whole(a), whole(b)
		return int(max(-1, min(1, x-y))), true
	}
	return 0, false
}

// whole is a number: the store has no others.
func whole(v value) int64 {
	if v.N == nil {
		return 0
	}
	n, err := strconv.ParseInt(*v.N, 10, 64)
	if err != nil {
		panic(err) // of a test
	}
	return n
}

func numberOf(n int64) value { return value{N: new(strconv.FormatInt(n, 10))} }

// updated is an item after an update: SET of values and sums, and ADD of numbers and sets.
func (w write) updated(was item) (item, error) {
	next := maps.Clone(was)
	if next == nil {
		next = maps.Clone(w.Key)
	}
	e := w.parse(w.Update)
	for len(e.words) > 0 {
		switch clause := e.next(); clause {
		case "SET":
			for more := true; more; more = e.is(",") {
				name := e.name(e.next())
				if !e.is("=") {
					return nil, fmt.Errorf("package dynamotest does not know %q", w.Update)
				}
				v, _ := e.operand(was, e.next())
				if e.is("+") {
					plus, _ := e.operand(was, e.next())
					v = numberOf(whole(v) + whole(plus))
				}
				next[name] = v
			}
		case "ADD":
			for more := true; more; more = e.is(",") {
				name := e.name(e.next())
				v, _ := e.operand(was, e.next())
				if v.SS != nil {
					all := slices.Concat(next[name].SS, v.SS)
					slices.Sort(all)
					next[name] = value{SS: slices.Compact(all)}
					continue
				}
				next[name] = numberOf(whole(next[name]) + whole(v))
			}
		default:
			return nil, fmt.Errorf("package dynamotest does not know %q in %q", clause, w.Update)
		}
	}
	return next, nil
}
