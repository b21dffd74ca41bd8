/** The parts of Kubernetes objects that the checks read. All is optional: a file may lack anything. */
export interface KubernetesObject {
  kind?: string;
  apiVersion?: string;
  metadata?: { name?: string; namespace?: string; labels?: Labels; annotations?: Labels };
  spec?: Spec;
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  rules?: { apiGroups?: string[]; resources?: string[]; verbs?: string[] }[];
  automountServiceAccountToken?: boolean;
}

export type Labels = Record<string, string>;
export type Quantities = Record<string, string | number>;

export interface Selector {
  matchLabels?: Labels;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

/** Of all kinds together: each has some of them. */
export interface Spec {
  replicas?: number;
  minReadySeconds?: number;
  selector?: Selector & Labels;
  strategy?: { rollingUpdate?: { maxSurge?: string | number; maxUnavailable?: string | number } };
  template?: PodTemplate;
  jobTemplate?: { spec?: { template?: PodTemplate; backoffLimit?: number; activeDeadlineSeconds?: number } };
  schedule?: string;
  concurrencyPolicy?: string;
  startingDeadlineSeconds?: number;
  timeZone?: string;
  suspend?: boolean;
  successfulJobsHistoryLimit?: number;
  failedJobsHistoryLimit?: number;
  triggers?: { type?: string }[];
  hard?: Quantities;
  minReplicas?: number;
  maxReplicas?: number;
  scaleTargetRef?: { kind?: string; name?: string };
  targetRef?: { kind?: string; name?: string };
  metrics?: Metric[];
  behavior?: { scaleUp?: ScalingRules; scaleDown?: ScalingRules };
  endpoints?: { interval?: string }[];
  resourcePolicy?: { containerPolicies?: { controlledResources?: string[] }[] };
  updatePolicy?: { updateMode?: string };
  maxUnavailable?: string | number;
  minAvailable?: string | number;
  ports?: { name?: string; port?: number; targetPort?: string | number }[];
  podSelector?: Selector;
  policyTypes?: string[];
  ingress?: PolicyRule[];
  egress?: PolicyRule[];
  volumeClaimTemplates?: KubernetesObject[];
  tls?: { hosts?: string[]; secretName?: string }[];
  rules?: {
    host?: string;
    http?: {
      paths?: { backend?: { service?: { name?: string; port?: { name?: string; number?: number } } } }[];
    };
  }[];
}

export interface PodTemplate {
  metadata?: { labels?: Labels };
  spec?: PodSpec;
}

export interface PolicyRule {
  from?: { podSelector?: Selector; namespaceSelector?: Selector }[];
  to?: { podSelector?: Selector; namespaceSelector?: Selector }[];
  ports?: { port?: string | number; protocol?: string }[];
}

export interface Metric {
  type?: string;
  resource?: { name?: string; target?: { averageUtilization?: number } };
  pods?: { metric?: { name?: string }; target?: { averageValue?: string | number } };
}

export interface ScalingRules {
  stabilizationWindowSeconds?: number;
  selectPolicy?: 'Max' | 'Min' | 'Disabled';
  policies?: { type?: 'Percent' | 'Pods'; value?: number; periodSeconds?: number }[];
}

export interface PodSpec {
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  terminationGracePeriodSeconds?: number;
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostIPC?: boolean;
  securityContext?: SecurityContext;
  containers?: Container[];
  initContainers?: Container[];
  restartPolicy?: string;
  volumes?: {
    name?: string;
    hostPath?: object;
    secret?: { secretName?: string };
    configMap?: { name?: string };
  }[];
}

export interface SecurityContext {
  runAsNonRoot?: boolean;
  runAsUser?: number;
  privileged?: boolean;
  allowPrivilegeEscalation?: boolean;
  readOnlyRootFilesystem?: boolean;
  seccompProfile?: { type?: string };
  capabilities?: { drop?: string[]; add?: string[] };
}

export interface Container {
  name?: string;
  image?: string;
  command?: string[];
  args?: string[];
  ports?: { name?: string; containerPort?: number }[];
  env?: {
    name?: string;
    value?: string;
    valueFrom?: { secretKeyRef?: { name?: string; key?: string } };
  }[];
  envFrom?: { configMapRef?: { name?: string }; secretRef?: { name?: string } }[];
  resources?: { requests?: Quantities; limits?: Quantities };
  securityContext?: SecurityContext;
  startupProbe?: Probe;
  readinessProbe?: Probe;
  livenessProbe?: Probe;
  lifecycle?: { preStop?: object };
  volumeMounts?: { name?: string; mountPath?: string }[];
}

export interface Probe {
  httpGet?: { path?: string; port?: string | number };
  tcpSocket?: { port?: string | number };
  exec?: { command?: string[] };
  periodSeconds?: number;
  timeoutSeconds?: number;
  failureThreshold?: number;
  terminationGracePeriodSeconds?: number;
}
