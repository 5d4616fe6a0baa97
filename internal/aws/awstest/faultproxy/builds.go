package faultproxy

import (
	"encoding/json"
	"net/http"
)

// BuildStatuses makes BatchGetBuilds return the status of each build as the test says:
// in moto, a build has succeeded as soon as its status is read.
func BuildStatuses(status func(id string) string) Rule {
	return Rule{Name: "build statuses", Match: Match{Service: "codebuild", Operation: "BatchGetBuilds"}, Act: func(_ *Request, forward func() Answer) Answer {
		answer := forward()
		var out struct {
			Builds         []map[string]any `json:"builds"`
			BuildsNotFound []string         `json:"buildsNotFound"`
		}
		if answer.Lost || answer.Status != http.StatusOK || json.Unmarshal(answer.Body, &out) != nil {
			return answer
		}
		for _, build := range out.Builds {
			id, _ := build["id"].(string)
			build["buildStatus"] = status(id)
			build["buildComplete"] = build["buildStatus"] != "IN_PROGRESS"
			if build["buildStatus"] == "IN_PROGRESS" {
				build["currentPhase"] = "BUILD"
				delete(build, "endTime")
				delete(build, "phases")
			}
		}
		return answerJSON(http.StatusOK, out)
	}}
}
