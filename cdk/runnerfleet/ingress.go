package runnerfleet

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
)

// route is one way into the fleet from outside.
type route struct {
	id          string
	function    functions.Function
	path        string
	rate, burst int // requests a second, and at once; the rest gets 429
}

const webhookPath = "/webhook"

// routes are all of them. Each has a limit of its own, so that a flood of one leaves
// the other alone. GitHub does not repeat a delivery by itself; the sweep has it
// redelivered. Fargate starts at most 20 tasks a second, which claim once each, and whose
// hooks ask about their job.
func routes() []route {
	return []route{
		{"Webhook", functions.Webhook, webhookPath, 100, 200},
		{"Claim", functions.Claim, "/runners/{id}/claim", 50, 100},
		{"Job", functions.Claim, "/runners/{id}/job", 50, 100},
	}
}

func (r route) key() string { return "POST " + r.path }

// newAPI makes the HTTP API, so that its address is known; see addRoutes.
func newAPI(scope constructs.Construct, c Config) awsapigatewayv2.CfnApi {
	return awsapigatewayv2.NewCfnApi(scope, jsii.String("Api"), &awsapigatewayv2.CfnApiProps{
		Name:         jsii.String(c.FleetName),
		Description:  jsii.String("Runner fleet " + c.FleetName + ": GitHub's webhooks and the runners' claims"),
		ProtocolType: jsii.String("HTTP"),
	})
}

// accessLog is what is noted of a request: nothing of its headers and body.
func accessLog() string {
	line, err := json.Marshal(map[string]string{
		"request_id": "$context.requestId", "time": "$context.requestTime", "route": "$context.routeKey", "source_ip": "$context.identity.sourceIp",
		"status": "$context.status", "latency_ms": "$context.responseLatency", "function_error": "$context.integrationErrorMessage",
	})
	if err != nil {
		panic(err) // a map of strings
	}
	return string(line)
}

// addRoutes connects the API with its functions. No route has an authorizer:
// none gets the body, which a webhook's signature is about. The functions verify.
func addRoutes(parent constructs.Construct, c Config, api awsapigatewayv2.CfnApi, made lambdas) awsapigatewayv2.CfnStage {
	scope := constructs.NewConstruct(parent, jsii.String("Ingress"))
	limits := map[string]any{}
	stage := awsapigatewayv2.NewCfnStage(scope, jsii.String("Stage"), &awsapigatewayv2.CfnStageProps{
		ApiId: api.Ref(), StageName: jsii.String("$default"), AutoDeploy: jsii.Bool(true),
		AccessLogSettings: &awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
			DestinationArn: newLogGroup(scope, "AccessLogs", vendedFolder+c.FleetName+"/api", c).LogGroupArn(),
			Format:         jsii.String(accessLog()),
		},
	})
	for _, r := range routes() {
		function := made.of(r.function)
		integration := awsapigatewayv2.NewCfnIntegration(scope, jsii.String(r.id+"Integration"), &awsapigatewayv2.CfnIntegrationProps{
			ApiId: api.Ref(), IntegrationType: jsii.String("AWS_PROXY"), IntegrationUri: function.FunctionArn(), PayloadFormatVersion: jsii.String("2.0"),
		})
		served := awsapigatewayv2.NewCfnRoute(scope, jsii.String(r.id+"Route"), &awsapigatewayv2.CfnRouteProps{
			ApiId: api.Ref(), RouteKey: jsii.String(r.key()), AuthorizationType: jsii.String("NONE"),
			Target: awscdk.Fn_Join(jsii.String("/"), &[]*string{jsii.String("integrations"), integration.Ref()}),
		})
		awslambda.NewCfnPermission(scope, jsii.String(r.id+"Permission"), &awslambda.CfnPermissionProps{
			Action: jsii.String("lambda:InvokeFunction"), FunctionName: function.FunctionArn(), Principal: jsii.String("apigateway.amazonaws.com"),
			SourceArn: stackOf(scope).FormatArn(&awscdk.ArnComponents{
				Service: jsii.String("execute-api"), Resource: api.Ref(), ResourceName: jsii.String("*/*" + r.path),
			}),
		})
		stage.AddResourceDependency(served, nil) // a limit for a route that is not there is refused
		limits[r.key()] = map[string]any{"ThrottlingRateLimit": r.rate, "ThrottlingBurstLimit": r.burst}
	}
	stage.SetRouteSettings(limits)
	return stage
}
