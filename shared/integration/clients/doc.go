// Package clients tries the clients that people have already against the server of
// make up: the aws command line, boto3, the Go SDK and Terraform. It has only tests.
package clients
