//! `fleets[].demand` as it is written.

use super::field::{List, table};
use super::value::{Duration, FilePath, Flag, Hourly, Leaf, Percent, Text, Units};
use super::{SecretRef, UrlOrRef};

table! {
    /// How much is needed. Without a source the fleet stays at its minimum. Of several sources the one that wants most
    /// decides, and reports say which; while one cannot be read, the others can raise the target and not lower it.
    Demand {
        /// Size the fleet by a queue.
        optional queue: Queue,
        /// Size the fleet by a metric.
        optional metric: Metric,
        /// More sources, at most 16, each with a name of its own.
        default("[]") sources: List<DemandSource>,
        /// Scale ahead of demand, by the pattern of past hours and weeks. Needs a source.
        optional forecast: Forecast,
        /// Added to the need, up to 1000%.
        default("0%") headroom: Leaf<Percent>,
        /// What to want when a source cannot be read.
        default("{}") on_missing: OnMissing,
    }

    /// One of several sources: a queue or a metric.
    DemandSource {
        /// Its name, for reports: small letters, digits and dashes. Example: `images`.
        required name: Leaf<Text>,
        /// Size the fleet by this queue.
        optional queue: Queue,
        /// Size the fleet by this metric.
        optional metric: Metric,
    }

    /// Size the fleet by a metric: need = value / target. For what is not a queue: requests a second, connections,
    /// sessions. The value is to be the sum over all machines: `sum(rate(requests_total[1m]))`.
    Metric {
        /// Where the value is read: `prometheus`, or `http` with a `pointer` alone.
        required source: Source,
        /// The value that one unit of capacity shall stand for, with up to three decimals. Example: `250`.
        required target_per_unit: Leaf<Hourly>,
        /// A reading that takes longer counts as missing, from 100ms to 60s.
        default("5s") timeout: Leaf<Duration>,
    }

    /// Size the fleet by a queue: need = arrivals / rate + waiting jobs / (rate x drain time).
    Queue {
        /// Where the number of waiting jobs is read.
        required source: Source,
        /// Jobs that one unit of capacity finishes in an hour, with up to three decimals. Without it, it is learned from
        /// what is finished while jobs wait; until five jobs were, the fleet keeps its size, and one unit while jobs
        /// wait. The source must count arrivals for it: a Redis stream, RabbitMQ, or HTTP and a file that tell
        /// `arrived_total`. Example: `120`.
        optional jobs_per_unit_hour: Leaf<Hourly>,
        /// The jobs that wait now shall be finished within this time, from 1s to 30d. Example: `10m`.
        required drain_within: Leaf<Duration>,
        /// A reading that takes longer counts as missing, from 100ms to 60s.
        default("5s") timeout: Leaf<Duration>,
    }

    /// Where the number of waiting jobs is read: exactly one of these.
    Source {
        /// A list or a stream in Redis.
        optional redis: Redis,
        /// A file that another program writes.
        optional file: DemandFile,
        /// A query to Prometheus.
        optional prometheus: Prometheus,
        /// An HTTP endpoint that answers JSON.
        optional http: HttpJson,
        /// A queue of RabbitMQ.
        optional rabbitmq: RabbitMq,
        /// A queue of Amazon SQS.
        optional sqs: Sqs,
    }

    /// A Redis list (`list`), or a stream with its consumer group (`stream` and `group`).
    Redis {
        /// `redis://`, `rediss://` (TLS) or `redis+unix://` URL of the server, such as `redis://127.0.0.1:6379/0`. With
        /// a password in it, it must be kept elsewhere: `{env: REDIS_URL}`.
        required url: UrlOrRef,
        /// Key of the list of waiting jobs; its length is the backlog.
        optional list: Leaf<Text>,
        /// Key of a second list with the jobs that are being worked on; they count too.
        optional in_progress: Leaf<Text>,
        /// Key of the stream; the backlog is what its group has pending and has not read.
        optional stream: Leaf<Text>,
        /// Consumer group of the stream.
        optional group: Leaf<Text>,
    }

    /// A file that another program writes.
    DemandFile {
        /// Path of the file: the number of waiting jobs, or a JSON object with `waiting` and, if known, `in_flight` and
        /// `arrived_total`. It should be written whole and renamed into place.
        required path: Leaf<FilePath>,
        /// A file that was not written for longer counts as missing, from 1s to 30d, so that a writer that died is
        /// noticed. Without it, its age does not matter. Example: `5m`.
        optional max_age: Leaf<Duration>,
    }

    /// A query to Prometheus, or to what speaks its query API (Thanos, Mimir, VictoriaMetrics). Its value is the number
    /// of waiting jobs, rounded up.
    Prometheus {
        /// `http://` or `https://` URL of the server, without `/api/v1`, such as `http://127.0.0.1:9090`. With a user
        /// and password in it, it must be kept elsewhere: `{env: PROMETHEUS_URL}`.
        required url: UrlOrRef,
        /// The query in PromQL. It must give a scalar, or a vector of exactly one sample; an empty one counts as
        /// missing. Example: `sum(jobs_waiting{queue="batch"})`, or, for Kafka by its exporter,
        /// `sum(kafka_consumergroup_lag{consumergroup="batch"})`.
        required query: Leaf<Text>,
        /// Bearer token that is sent. Example: `{credential: prometheus-token}`.
        optional token: SecretRef,
        /// Send token and password without TLS (`http://`) to another machine. Only where nobody can listen.
        default("false") allow_http: Leaf<Flag>,
    }

    /// An HTTP endpoint that is asked by GET and answers JSON, at most 1 MiB. Numbers may stand there as text too.
    HttpJson {
        /// `http://` or `https://` URL. With a password or a key in it, it must be kept elsewhere: `{env: JOBS_URL}`.
        /// Redirects to other servers are not followed. Example: `https://jobs.example.com/stats`.
        required url: UrlOrRef,
        /// JSON pointer (RFC 6901) to the number of waiting jobs: `/queues/0/ready`, or `""` when the answer is the
        /// number itself.
        required pointer: Leaf<Text>,
        /// JSON pointer to the number of jobs that are being worked on; they count too.
        optional in_flight: Leaf<Text>,
        /// JSON pointer to the count of all jobs that ever arrived, which makes arrivals exact.
        optional arrived_total: Leaf<Text>,
        /// Bearer token that is sent. Example: `{credential: jobs-token}`.
        optional token: SecretRef,
        /// Send token and password without TLS (`http://`) to another machine. Only where nobody can listen.
        default("false") allow_http: Leaf<Flag>,
    }

    /// A queue of RabbitMQ, read through its management API: messages that are ready wait, messages that are not
    /// acknowledged are being worked on.
    RabbitMq {
        /// `http://` or `https://` URL of the management API, without `/api`, with a user that has the tag `management`
        /// and a permission on the virtual host, of which `^$` is enough. As it holds a password, it must be kept
        /// elsewhere: `{env: RABBITMQ_URL}`. There it reads `https://reader:PASSWORD@mq.example.com:15671`.
        required url: UrlOrRef,
        /// Name of the virtual host.
        default("/") vhost: Leaf<Text>,
        /// Name of the queue.
        required queue: Leaf<Text>,
        /// Send the password without TLS (`http://`) to another machine. Only where nobody can listen.
        default("false") allow_http: Leaf<Flag>,
    }

    /// A queue of Amazon SQS: visible messages wait, messages that are received and not deleted are being worked on.
    /// Delayed messages do not count before their delay is over. Credentials come from the SDK's own chain; the right
    /// `sqs:GetQueueAttributes` is needed.
    Sqs {
        /// URL of the queue. Its region is taken from it. Example:
        /// `https://sqs.us-east-1.amazonaws.com/123456789012/jobs`.
        required queue_url: Leaf<Text>,
        /// Name of the `aws` provider whose `endpoint_url` is used, and whose first region when the URL names none.
        /// Without it, the SDK's own settings. Example: `aws`.
        optional provider: Leaf<Text>,
    }

    /// Scale ahead of demand.
    Forecast {
        /// How far ahead to look, from 1m to 7d. It is no less than the time that the fleet's machines took to start
        /// lately. Example: `15m`.
        required horizon: Leaf<Duration>,
        /// Prepare for this quantile of what the forecast expects, from 1% to 99.9%.
        default("90%") quantile: Leaf<Percent>,
    }

    /// What to want when a source cannot be read.
    OnMissing {
        /// Keep the last target for so long, up to 30d.
        default("15m") hold: Leaf<Duration>,
        /// Then want this much, in units. Without it, the last target is kept.
        optional then: Leaf<Units>,
    }
}
