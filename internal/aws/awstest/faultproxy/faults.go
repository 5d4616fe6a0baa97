package faultproxy

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
)

// Throttled refuses the next n calls, as AWS does when there are too many.
func Throttled(calls Match, n int) Rule {
	return Rule{Name: "throttled", Match: calls, Times: n, Act: Refuse(http.StatusBadRequest, "ThrottlingException", "Rate exceeded")}
}

// ServerErrors answers the next n calls with a fault of AWS's own.
func ServerErrors(calls Match, n int) Rule {
	return Rule{Name: "server errors", Match: calls, Times: n, Act: Refuse(http.StatusInternalServerError, "InternalFailure", "the request processing has failed")}
}

// LostAnswers forwards the next n calls and breaks the connection instead of
// answering. If there is a hook, it is called between the two.
func LostAnswers(calls Match, n int, hook func(Call)) Rule {
	return Rule{Name: "lost answers", Match: calls, Times: n, Act: func(r *Request, forward func() Answer) Answer {
		forward()
		if hook != nil {
			hook(r.Call)
		}
		return Answer{Lost: true}
	}}
}

// LostRequests breaks the connection of the next n calls, which have no effect. If
// there is a hook, it is called first.
func LostRequests(calls Match, n int, hook func(Call)) Rule {
	return Rule{Name: "lost requests", Match: calls, Times: n, Act: func(r *Request, _ func() Answer) Answer {
		if hook != nil {
			hook(r.Call)
		}
		return Answer{Lost: true}
	}}
}

// HeldRequests calls the hook before each of the next n calls is forwarded.
func HeldRequests(calls Match, n int, hook func(Call)) Rule {
	return Rule{Name: "held requests", Match: calls, Times: n, Act: func(r *Request, forward func() Answer) Answer {
		hook(r.Call)
		return forward()
	}}
}

// HeldAnswers calls the hook when each of the next n calls has had its effect, and
// then answers.
func HeldAnswers(calls Match, n int, hook func(Call)) Rule {
	return Rule{Name: "held answers", Match: calls, Times: n, Act: func(r *Request, forward func() Answer) Answer {
		answer := forward()
		hook(r.Call)
		return answer
	}}
}

// TaskFailures makes the next n RunTask start nothing, for a reason that ECS gives with
// status 200.
func TaskFailures(client string, n int, reason, detail string) Rule {
	failure := map[string]string{"reason": reason}
	if detail != "" {
		failure["detail"] = detail
	}
	return Rule{Name: "task failures", Match: Match{Client: client, Service: "ecs", Operation: "RunTask"}, Times: n, Act: func(*Request, func() Answer) Answer {
		return answerJSON(http.StatusOK, map[string]any{"tasks": []any{}, "failures": []any{failure}})
	}}
}

// Refuse answers with an exception of AWS.
func Refuse(status int, code, message string) Act {
	return func(r *Request, _ func() Answer) Answer { return r.exception(status, code, message, nil) }
}

// exception is an error in the protocol of the request. Only JSON has more than a
// code and a message.
func (r *Request) exception(status int, code, message string, more map[string]any) Answer {
	switch {
	case r.cbor:
		return Answer{Status: status, Header: http.Header{"Content-Type": {"application/cbor"}, "Smithy-Protocol": {"rpc-v2-cbor"}},
			Body: cborMap("__type", code, "message", message)}
	case json.Valid(r.Body):
		body := map[string]any{"__type": code, "message": message}
		for key, value := range more {
			body[key] = value
		}
		return answerJSON(status, body)
	}
	type failure struct{ Type, Code, Message string }
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"ErrorResponse"`
		Error   failure
	}{Error: failure{"Sender", code, message}})
	if err != nil {
		panic(err) // strings only
	}
	return Answer{Status: status, Header: http.Header{"Content-Type": {"text/xml"}}, Body: body}
}

func answerJSON(status int, body any) Answer {
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err) // maps, lists and strings only
	}
	return Answer{Status: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: encoded}
}

// cborMap encodes texts, of at most 65535 bytes each, as a map of CBOR (RFC 8949).
func cborMap(texts ...string) []byte {
	out := []byte{0xa0 | byte(len(texts)/2)}
	for _, text := range texts {
		out = append(out, 0x79, byte(len(text)>>8), byte(len(text)))
		out = append(out, text...)
	}
	return out
}
