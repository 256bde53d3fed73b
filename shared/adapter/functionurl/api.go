// Package functionurl is the handler of the functions that answer requests at a
// Lambda function URL. It is a package of its own because the library for these
// keeps net/rpc, and with it html/template, in every program that links it.
package functionurl

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdaurl"

	"licenseguard/shared/api"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/registrar"
)

// API is the handler of the functions api and apiread: it answers the requests that
// came to the function's URL.
type API struct{ handle urlHandler }

type urlHandler func(context.Context, *events.LambdaFunctionURLRequest) (*events.LambdaFunctionURLStreamingResponse, error)

// NewAPI wires the protocol to a ledger. Where mayWrite is false, operations that
// write are refused; the role of such a function cannot write either.
func NewAPI(store registrar.Store, env config.API, mayWrite bool, log *slog.Logger) *API {
	keeper := &registrar.Registrar{Store: store, Catalog: catalog.Embedded(), Account: env.Account, Region: env.Region, Accounts: env.Accounts, Regions: env.Regions, Now: time.Now, Log: log}
	return &API{lambdaurl.Wrap(&api.Handler{Store: store, Registrar: keeper, Catalog: catalog.Embedded(), Account: env.Account, Region: env.Region,
		TopicARN: env.AlertTopicARN, BucketARN: "arn:aws:s3:::" + env.ReportBucket, Now: time.Now, Log: log,
		Caller: caller, MayWrite: func(*http.Request) bool { return mayWrite }})}
}

// Handle answers one request.
func (h *API) Handle(ctx context.Context, r *events.LambdaFunctionURLRequest) (*events.LambdaFunctionURLStreamingResponse, error) {
	return h.handle(ctx, r)
}

// caller is whom IAM let pass, as Lambda tells it; nobody where it tells none.
func caller(r *http.Request) string {
	request, ok := lambdaurl.RequestFromContext(r.Context())
	if !ok || request.RequestContext.Authorizer == nil || request.RequestContext.Authorizer.IAM == nil {
		return ""
	}
	return request.RequestContext.Authorizer.IAM.UserARN
}
