import { fromJson, toBinary, type JsonValue } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { descriptorSet } from '@event-pipeline/contracts';

/**
 * Tells clients such as grpcurl and buf curl what EventService and the health service take and give.
 *
 * The descriptors are handed on as buf made them. @grpc/proto-loader would read and print them
 * again, and protobufjs 7.6.6 then marks a message that has a map as the map's own entry: strict
 * clients refuse the whole file.
 */
export function createReflection(): ReflectionService {
  const { file } = fromJson(FileDescriptorSetSchema, descriptorSet as JsonValue);
  const fileDescriptorProtos = file.map((descriptor) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, descriptor)),
  );
  // Of a definition, reflection reads the descriptors and nothing else.
  const definition = { fileDescriptorProtos } as unknown as PackageDefinition[string];
  return new ReflectionService({ 'event.EventService': definition });
}
