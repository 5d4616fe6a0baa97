package contract

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// exchange is one request and what GitHub's description says about it.
type exchange struct {
	spec     *spec
	what     string // the operation, or the request if there is none
	input    *openapi3filter.RequestValidationInput
	notFound error
}

func (s *spec) exchange(r *http.Request, body []byte) *exchange {
	route, params, canonical, err := s.route(r)
	if err != nil {
		return &exchange{spec: s, what: r.Method + " " + apiPath(r.URL.Path), notFound: err}
	}
	canonical.Body = io.NopCloser(bytes.NewReader(body))
	canonical.ContentLength = int64(len(body))
	return &exchange{
		spec: s, what: r.Method + " " + route.Path,
		input: &openapi3filter.RequestValidationInput{
			Request: canonical, PathParams: params, Route: route,
			Options: &openapi3filter.Options{
				MultiError: true, SkipSettingDefaults: true, RejectWhenRequestBodyNotSpecified: true,
				AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SchemaValidationOptions: formats,
			},
		},
	}
}

// formats are those that GitHub uses and the checker does not know by itself.
var formats = []openapi3.SchemaValidationOption{
	openapi3.EnableFormatValidation(), openapi3.MultiErrors(), openapi3.DisableSchemaErrorDetails(),
	openapi3.WithStringFormatValidator("uri", openapi3.NewCallbackValidator(func(s string) error {
		// GitHub's addresses may be templates, like ".../labels{/name}".
		if u, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(s)); err != nil || !u.IsAbs() || u.Host == "" {
			return fmt.Errorf("%q is not a whole address", s)
		}
		return nil
	})),
}

func (e *exchange) answered(status int) string { return e.what + " " + strconv.Itoa(status) }

func (e *exchange) checkRequest(ctx context.Context) error {
	if e.notFound != nil {
		return e.notFound
	}
	request := e.input.Request
	problems := []error{openapi3filter.ValidateRequest(ctx, e.input)}
	parameters := slices.Concat(e.input.Route.Operation.Parameters, e.input.Route.PathItem.Parameters)
	for name, values := range request.URL.Query() {
		if parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			problems = append(problems, fmt.Errorf("query parameter %q is not described", name))
		}
		if len(values) > 1 {
			problems = append(problems, fmt.Errorf("query parameter %q comes %d times", name, len(values)))
		}
	}
	// https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#user-agent
	if request.Header.Get("User-Agent") == "" {
		problems = append(problems, errors.New("there is no User-Agent"))
	}
	return errors.Join(problems...)
}

// general are the errors that any request may get.
// https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
var general = []int{
	http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests,
	http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

func (e *exchange) checkAnswer(status int, header http.Header, body []byte) error {
	described := e.notFound == nil && e.input.Route.Operation.Responses.Status(status) != nil
	var problem error
	switch {
	case described:
		problem = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: e.input, Status: status, Header: header, Options: e.input.Options,
			Body: io.NopCloser(bytes.NewReader(body)),
		})
	case !slices.Contains(general, status):
		return errors.New("this status is not described")
	}
	switch {
	case status == http.StatusNoContent && len(body) > 0:
		problem = cmp.Or(problem, errors.New("it has a body"))
	case status >= 400:
		problem = errors.Join(problem, e.spec.checkError(status, described, header, body))
	}
	return problem
}

// checkError checks what all errors share.
func (s *spec) checkError(status int, described bool, header http.Header, body []byte) error {
	if mime := header.Get("Content-Type"); !strings.HasPrefix(mime, "application/json") {
		return fmt.Errorf("its content type is %q", mime)
	}
	var value map[string]any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	if message, _ := value["message"].(string); message == "" {
		return errors.New("an error must have a message")
	}
	if given, ok := value["status"]; ok && given != strconv.Itoa(status) {
		return fmt.Errorf("its status says %v", given)
	}
	if described {
		return nil // against its own schema
	}
	return s.doc.Components.Schemas["basic-error"].Value.VisitJSON(value, formats...)
}
