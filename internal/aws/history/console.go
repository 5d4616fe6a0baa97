package history

import "strings"

// ConsoleURL is where the AWS console shows an execution, "" in a partition whose
// console is not known. Those of China and GovCloud have not been tried.
func (e Executions) ConsoleURL(name string) string {
	arn, err := e.arn(name)
	if err != nil {
		return ""
	}
	parts := strings.Split(arn, ":") // arn:partition:states:region:account:execution:machine:name
	if len(parts) < 8 {
		return ""
	}
	hosts := map[string]string{"aws": "console.aws.amazon.com", "aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
	host, region := hosts[parts[1]], parts[3]
	if host == "" || region == "" {
		return ""
	}
	return "https://" + region + "." + host + "/states/home?region=" + region + "#/v2/executions/details/" + arn
}
