// Package functions holds the Lambda functions: one folder, one role, one
// failure domain each. A main.go only wires: the handlers are in
// shared/adapter/handler, what they do is in shared.
package functions
