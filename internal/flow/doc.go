// Package flow is the test of a whole fleet as it is deployed: the template that the
// CDK app writes, and the built Lambda functions, on one machine.
//
// Each function is a process behind a small Lambda Runtime API host, with exactly
// the environment of the template and credentials of its own. DynamoDB, SQS,
// EventBridge, ECS, ECR, CodeBuild, SSM, Secrets Manager and IAM are moto's, behind
// a proxy that records who calls what and adds what moto lacks. Three parts are
// stand-ins of this package, and named so where they are: Step Functions' API in
// front of our own engine, API Gateway, and Fargate, whose tasks are the real
// entrypoint and a simulated runner in this process. GitHub is the simulated one.
//
// The package has tests only, with the build tag aws; `make test-aws` runs them.
package flow
