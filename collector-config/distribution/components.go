package main

import (
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/forwardconnector"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/exporter/nopexporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"

	"github.com/open-telemetry/opentelemetry-collector-contrib/connector/spanmetricsconnector"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/kafkaexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusremotewriteexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/bearertokenauthextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/filterprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/resourceprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/kafkareceiver"
)

const (
	core    = "go.opentelemetry.io/collector/"
	contrib = "github.com/open-telemetry/opentelemetry-collector-contrib/"
)

// part pairs a factory with the module it comes from, which `llm-otelcol components` prints.
type part[T component.Factory] struct {
	factory T
	module  string
}

// The one list of what is inside. What a line is for:
var (
	receivers = []part[receiver.Factory]{
		{otlpreceiver.NewFactory(), core + "receiver/otlpreceiver"},      // base.yaml
		{kafkareceiver.NewFactory(), contrib + "receiver/kafkareceiver"}, // scale/gateway-kafka.yaml
	}
	processors = []part[processor.Factory]{
		{memorylimiterprocessor.NewFactory(), core + "processor/memorylimiterprocessor"}, // base.yaml
		{batchprocessor.NewFactory(), core + "processor/batchprocessor"},                 // batch/valve in base.yaml
		{resourceprocessor.NewFactory(), contrib + "processor/resourceprocessor"},        // weave.yaml
		{transformprocessor.NewFactory(), contrib + "processor/transformprocessor"},      // prompt and reply text
		{filterprocessor.NewFactory(), contrib + "processor/filterprocessor"},            // opik.yaml
	}
	exporters = []part[exporter.Factory]{
		{nopexporter.NewFactory(), core + "exporter/nopexporter"},                                        // base.yaml
		{otlphttpexporter.NewFactory(), core + "exporter/otlphttpexporter"},                              // hub, mlflow, weave, opik, otlp
		{otlpexporter.NewFactory(), core + "exporter/otlpexporter"},                                      // OTLP over gRPC, for your own overlays
		{debugexporter.NewFactory(), core + "exporter/debugexporter"},                                    // debug.yaml
		{fileexporter.NewFactory(), contrib + "exporter/fileexporter"},                                   // file.yaml
		{prometheusexporter.NewFactory(), contrib + "exporter/prometheusexporter"},                       // prometheus.yaml
		{prometheusremotewriteexporter.NewFactory(), contrib + "exporter/prometheusremotewriteexporter"}, // remote-write.yaml
		{kafkaexporter.NewFactory(), contrib + "exporter/kafkaexporter"},                                 // scale/agent-kafka.yaml
	}
	connectors = []part[connector.Factory]{
		{forwardconnector.NewFactory(), core + "connector/forwardconnector"},            // base.yaml
		{spanmetricsconnector.NewFactory(), contrib + "connector/spanmetricsconnector"}, // span-metrics.yaml
	}
	extensions = []part[extension.Factory]{
		{healthcheckextension.NewFactory(), contrib + "extension/healthcheckextension"},         // base.yaml
		{filestorage.NewFactory(), contrib + "extension/storage/filestorage"},                   // base.yaml
		{bearertokenauthextension.NewFactory(), contrib + "extension/bearertokenauthextension"}, // scale/gateway.yaml
	}
)

func components() (otelcol.Factories, error) {
	factories := otelcol.Factories{Telemetry: otelconftelemetry.NewFactory()}
	var err error
	if factories.Receivers, factories.ReceiverModules, err = index(receivers); err != nil {
		return otelcol.Factories{}, err
	}
	if factories.Processors, factories.ProcessorModules, err = index(processors); err != nil {
		return otelcol.Factories{}, err
	}
	if factories.Exporters, factories.ExporterModules, err = index(exporters); err != nil {
		return otelcol.Factories{}, err
	}
	if factories.Connectors, factories.ConnectorModules, err = index(connectors); err != nil {
		return otelcol.Factories{}, err
	}
	if factories.Extensions, factories.ExtensionModules, err = index(extensions); err != nil {
		return otelcol.Factories{}, err
	}
	return factories, nil
}

// index makes the two maps that the Collector wants: by type name, including names that a component had before.
func index[T component.Factory](parts []part[T]) (map[component.Type]T, map[component.Type]string, error) {
	list := make([]T, 0, len(parts))
	modules := make(map[component.Type]string, len(parts))
	for _, p := range parts {
		list = append(list, p.factory)
		modules[p.factory.Type()] = p.module + " v" + version
		if named, ok := any(p.factory).(interface{ DeprecatedAlias() component.Type }); ok && named.DeprecatedAlias().String() != "" {
			modules[named.DeprecatedAlias()] = modules[p.factory.Type()]
		}
	}
	factories, err := otelcol.MakeFactoryMap(list...)
	return factories, modules, err
}
