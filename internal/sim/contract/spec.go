package contract

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// description is api.github.com.json of npm @octokit/openapi 23.0.2, cut to some 60
// paths, and with those of an enterprise's runners from its ghec.json; see
// testdata/LICENSE-octokit.txt. Two are written after GitHub's pages, which they name: an
// organization's repositories, and an installation's.
//
//go:embed testdata/openapi-actions.json
var description []byte

const apiHost = "https://api.github.com"

// spec is GitHub's description, ready to look things up.
type spec struct {
	doc    *openapi3.T
	router routers.Router
}

// github reads the description once for all tests of a package.
var github = sync.OnceValue(func() *spec {
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err == nil {
		// One of its examples does not fit its own schema.
		err = doc.Validate(context.Background(), openapi3.DisableExamplesValidation())
	}
	if err != nil {
		panic("contract: read GitHub's description: " + err.Error())
	}
	doc.Servers = openapi3.Servers{{URL: apiHost}}
	// GitHub sends a status in these as well, but describes it for other errors
	// only.
	for _, name := range []string{"validation-error", "validation-error-simple"} {
		doc.Components.Schemas[name].Value.WithProperty("status", openapi3.NewStringSchema())
	}
	// A validation error of a commit status is in the operation's text alone, and that of a
	// check run is not described.
	for _, path := range []string{"/repos/{owner}/{repo}/statuses/{sha}", "/repos/{owner}/{repo}/check-runs"} {
		doc.Paths.Find(path).Post.Responses.Set("422", doc.Components.Responses["validation_failed"])
	}
	closeObjects(doc)
	joinManifestAnswer(doc)
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		panic("contract: route GitHub's description: " + err.Error())
	}
	return &spec{doc: doc, router: router}
})

// joinManifestAnswer makes one object of the two that describe a new App together: closed,
// each refuses what the other describes.
func joinManifestAnswer(doc *openapi3.T) {
	media := doc.Paths.Find("/app-manifests/{code}/conversions").Post.Responses.Value("201").Value.Content["application/json"]
	app, secrets := *media.Schema.Value.AllOf[0].Value, media.Schema.Value.AllOf[1].Value
	app.Properties = maps.Clone(app.Properties)
	maps.Copy(app.Properties, secrets.Properties)
	app.Required = append(slices.Clone(app.Required), secrets.Required...)
	media.Schema = app.NewRef()
}

// closeObjects refuses fields that are not described.
func closeObjects(doc *openapi3.T) {
	done := map[*openapi3.Schema]bool{}
	var closeObject func(*openapi3.SchemaRef)
	closeAll := func(refs openapi3.SchemaRefs) {
		for _, ref := range refs {
			closeObject(ref)
		}
	}
	closeObject = func(ref *openapi3.SchemaRef) {
		if ref == nil || done[ref.Value] {
			return
		}
		s := ref.Value
		done[s] = true
		if len(s.Properties) > 0 && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil {
			s.WithoutAdditionalProperties()
		}
		for _, property := range s.Properties {
			closeObject(property)
		}
		closeObject(s.Items)
		closeAll(s.OneOf)
		closeAll(s.AnyOf)
	}
	closeContent := func(content openapi3.Content) {
		for _, media := range content {
			closeObject(media.Schema)
		}
	}
	for _, schema := range doc.Components.Schemas {
		closeObject(schema)
	}
	for _, path := range doc.Paths.Map() {
		for _, operation := range path.Operations() {
			if operation.RequestBody != nil {
				closeContent(operation.RequestBody.Value.Content)
			}
			for _, response := range operation.Responses.Map() {
				closeContent(response.Value.Content)
			}
		}
	}
}

// byID and orgByID are how GitHub writes the address of a repository, or an organization, in
// Link headers and redirects. The description has only the address by name.
var (
	byID    = regexp.MustCompile(`^/repositories/([0-9]+)/`)
	orgByID = regexp.MustCompile(`^/organizations/([0-9]+)/`)
)

// apiPath returns the path as on api.github.com.
func apiPath(path string) string {
	path = strings.TrimPrefix(path, "/api/v3") // of a GitHub Enterprise Server
	return orgByID.ReplaceAllString(byID.ReplaceAllString(path, "/repos/by-id/$1/"), "/orgs/by-id-$1/")
}

// isAPI reports whether a path is of the REST API. A simulated GitHub serves
// pages for people and more at the same host.
func isAPI(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(apiPath(path), "/"), "/")
	return strings.HasPrefix(path, "/api/v3/") || slices.Contains([]string{"app", "app-manifests", "enterprises", "installation", "meta", "orgs", "rate_limit", "repos"}, first)
}

// operation is one method at one path, like "GET /meta".
type operation struct {
	name      string
	responses *openapi3.Responses
}

// answers returns the operation with each status that is described.
func (o operation) answers() []string {
	var all []string
	for status := range o.responses.Map() {
		all = append(all, o.name+" "+status)
	}
	return all
}

// operations returns those of which an answer was seen.
func (s *spec) operations(seen []string) []operation {
	var all []operation
	for path, item := range s.doc.Paths.Map() {
		for method, described := range item.Operations() {
			name := method + " " + path
			if slices.ContainsFunc(seen, func(one string) bool { return strings.HasPrefix(one, name+" ") }) {
				all = append(all, operation{name, described.Responses})
			}
		}
	}
	return all
}

// route finds the description of a request. The request may have reached a
// server at any address.
func (s *spec) route(r *http.Request) (*routers.Route, map[string]string, *http.Request, error) {
	canonical := r.Clone(r.Context())
	address, err := url.Parse(apiHost + apiPath(r.URL.EscapedPath()))
	if err != nil {
		return nil, nil, nil, err
	}
	address.RawQuery = r.URL.RawQuery
	canonical.URL, canonical.Host = address, address.Host
	route, params, err := s.router.FindRoute(canonical)
	if err != nil {
		return nil, nil, canonical, fmt.Errorf("GitHub describes no %s %s: %w", r.Method, address.Path, err)
	}
	return route, params, canonical, nil
}
