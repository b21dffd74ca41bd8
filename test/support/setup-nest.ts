// CommonJS packages that require Nest fail inside jest's module cycle unless Nest is loaded first.
import 'reflect-metadata';
import '@nestjs/common';
import '@nestjs/core';
